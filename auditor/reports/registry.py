# SPDX-License-Identifier: GPL-2.0-only
"""The formats by name. A format is a module with `write(report, stream, view)`, imported when it is asked for.

A new format is one module and one line here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.model import Report
    from auditor.reports.view import View

Writer = Callable[["Report", TextIO, "View"], None]

FORMATS = {
    "text": "auditor.reports.text",
    "markdown": "auditor.reports.markdown",
    "json": "auditor.reports.json",
    "sarif": "auditor.reports.sarif",
    "gitlab": "auditor.reports.gitlab",
    "junit": "auditor.reports.junit",
    "pr": "auditor.reports.pr",
    "checkpatch": "auditor.reports.checkpatch",
    "b4": "auditor.reports.b4",
}

FILTERED = frozenset({"text", "gitlab", "junit", "pr", "checkpatch", "b4"})
"""The formats that --path, --kind and --verdict narrow: the text, and what passes or fails as the exit code does. The
others stay whole and record the filter."""


def writer(name: str) -> Writer:
    """UsageError lists the known formats."""
    if name not in FORMATS:
        raise UsageError(f"unknown format {name!r}; known: {', '.join(FORMATS)}")
    write: Writer = importlib.import_module(FORMATS[name]).write
    return write
