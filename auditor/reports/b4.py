# SPDX-License-Identifier: GPL-2.0-only
"""What b4 reads from an external check (`b4.review-perpatch-check-cmd`): a JSON list of tool, status, summary, url and
details. https://b4.docs.kernel.org/
"""

from __future__ import annotations

import json
from typing import TextIO

from auditor.model import Report
from auditor.reports.checkpatch import lines
from auditor.reports.findings import plural
from auditor.reports.view import DEFAULT, View
from auditor.terminal import printable

TOOL = "ptregs-audit"
LISTED = 50
"""Lines of details; they are read in a terminal."""


def write(report: Report, stream: TextIO, view: View = DEFAULT) -> None:
    """`fail` for what fails the gate; `warn` if nothing does, but units could not be analysed."""
    found = list(lines(report, view))
    failed = [f for run in report.runs for f in run.coverage.units_failed]
    details = [*found[:LISTED], *([f"and {len(found) - LISTED} more"] if len(found) > LISTED else [])]
    details += [printable(f"{f.file}: not analysed: {f.why}") for f in failed[:LISTED]]
    struct = report.runs[0].target.struct
    told = f"{len(found)} {plural(len(found), 'place')} to look at" if found else f"nothing that struct {struct} breaks"
    if failed:
        told += f"; {len(failed)} {plural(len(failed), 'unit')} not analysed"
    status = "fail" if found else "warn" if failed else "pass"
    entry = {"tool": TOOL, "status": status, "summary": told, "url": view.url, "details": "\n".join(details)}
    stream.write(json.dumps([entry], indent=1) + "\n")
