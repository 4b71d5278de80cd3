# SPDX-License-Identifier: GPL-2.0-only
"""Places in SARIF: files of the tree count from its root."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from auditor.model import Site

ROOT = "SRCROOT"


def location(file: str, line: int, site: Site | None = None) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": _artifact(file)}
    if line > 0:
        physical["region"] = {"startLine": line}
    if site is not None and line > 0:
        region = physical["region"]
        if site.column > 0:
            region["startColumn"] = site.column
        if site.end_line > line:
            region["endLine"] = site.end_line
        region["snippet"] = {"text": site.expression}
    location: dict[str, Any] = {"physicalLocation": physical}
    if site is not None and site.function:
        # A function, a macro or a type: the site does not say which.
        location["logicalLocations"] = [{"name": site.function}]
    return location


def _artifact(file: str) -> dict[str, str]:
    """A path of the tree is relative to it; one outside of it is absolute. Odd bytes are percent-encoded."""
    path = quote(os.fsencode(file))
    return {"uri": f"file://{path}"} if file.startswith("/") else {"uri": path, "uriBaseId": ROOT}
