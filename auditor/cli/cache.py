# SPDX-License-Identifier: GPL-2.0-only
"""The last report, kept in the user's cache so that `explain ID` works right after an audit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.cli.outputs import replacing
from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.model import Report

LAST = "last-report.json"


def cache_dir(chosen: Path | None = None, env: Mapping[str, str] = os.environ) -> Path:
    """--cache, or XDG_CACHE_HOME/ptregs-audit, or ~/.cache/ptregs-audit. UsageError: there is no home."""
    if chosen is not None:
        return chosen
    # The base directory specification: a relative path is ignored.
    xdg = env.get("XDG_CACHE_HOME", "")
    if Path(xdg).is_absolute():
        return Path(xdg) / "ptregs-audit"
    try:
        return Path.home() / ".cache" / "ptregs-audit"
    except RuntimeError as e:
        raise UsageError("no home directory for the cache: give --cache DIR or --no-cache") from e


def keep(report: Report, directory: Path) -> str:
    """Keep the report; returns why that failed, or nothing. An audit is no worse for a cache that cannot be written."""
    from auditor.reports.json import write

    try:
        directory.mkdir(parents=True, exist_ok=True)
        with replacing(directory / LAST) as stream:
            write(report, stream)
    except OSError as e:
        return f"{directory / LAST}: not written: {e.strerror or e}"
    return ""
