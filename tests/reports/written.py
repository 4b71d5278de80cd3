# SPDX-License-Identifier: GPL-2.0-only
"""What a format writes, and sites that are made to hurt it."""

from __future__ import annotations

import io
from dataclasses import replace

from auditor.model import JudgedSite, Report
from auditor.reports.registry import writer
from auditor.reports.view import DEFAULT, View
from tests.reports.factory import COVERAGE, OFFSET, both, make_report, verdict

WHOLE = replace(COVERAGE, units_failed=())
HOSTILE = "a|b\n`c` ]]> <script>&amp; \x1b[31m\x00\ufffe\udc80\u202e \"q\" 'r' [y](http://evil) @who #1 -->"


def written(format_: str, report: Report, view: View = DEFAULT) -> str:
    out = io.StringIO()
    writer(format_)(report, out, view)
    return out.getvalue()


def hostile() -> Report:
    """One finding whose every text is made to break out, and a unit that failed."""
    site = replace(OFFSET.site, file=f"d/{HOSTILE}.c", function=HOSTILE, expression=HOSTILE, rule=f"order/{HOSTILE}")
    odd = replace(OFFSET, site=site, verdicts=both(verdict("break", HOSTILE, HOSTILE), verdict("abi", HOSTILE)))
    failed = tuple(replace(f, why=HOSTILE, file=HOSTILE) for f in COVERAGE.units_failed)
    return make_report(odd, coverage=replace(COVERAGE, units_failed=failed))


def clean(*sites: JudgedSite) -> Report:
    return replace(make_report(coverage=WHOLE), sites=sites)


def moved(report: Report, lines: int) -> Report:
    """As after an edit further up in every file."""
    return replace(
        report,
        sites=tuple(
            replace(s, site=replace(s.site, line=s.site.line + lines, end_line=s.site.end_line + lines))
            for s in report.sites
        ),
        wrong_ignores=tuple(replace(w, line=w.line + lines) for w in report.wrong_ignores),
    )
