# SPDX-License-Identifier: GPL-2.0-only
"""Exit codes: 0 nothing at or above the threshold, 1 findings, 2 usage or bad input, 3 incomplete or internal error,
130 interrupted; 2 before 3 before 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import AuditorError, InputError, UsageError

if TYPE_CHECKING:
    from auditor.gate.thresholds import Thresholds
    from auditor.model import Report, Verdict
    from auditor.reports.filters import Filters

OK = 0
FINDINGS = 1
USAGE = 2
INCOMPLETE = 3
INTERRUPTED = 130


def of_report(
    report: Report, filters: Filters, threshold: Verdict | Thresholds, exit_zero: bool, strict: bool = False
) -> int:
    """Of a gated report. Filters narrow the findings; --strict makes one of what is stale in the baseline.

    --exit-zero forgives findings, never a unit that was not read.
    """
    from auditor.gate.gate import failing
    from auditor.gate.thresholds import thresholds
    from auditor.reports.filters import select

    if any(run.coverage.units_failed for run in report.runs):
        return INCOMPLETE
    left = select(report, filters)
    stale = strict and left.comparison is not None and left.comparison.stale
    found = failing(left.sites, thresholds(threshold)) or left.wrong_ignores or stale
    return FINDINGS if found and not exit_zero else OK


def of_error(error: AuditorError) -> int:
    return USAGE if isinstance(error, UsageError | InputError) else INCOMPLETE
