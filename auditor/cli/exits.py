# SPDX-License-Identifier: GPL-2.0-only
"""Exit codes: 0 nothing at or above the threshold, 1 findings, 2 usage or bad input, 3 incomplete or internal error,
130 interrupted; 2 before 3 before 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import AuditorError, InputError, UsageError

if TYPE_CHECKING:
    from auditor.model import Report, Verdict
    from auditor.reports.filters import Filters

OK = 0
FINDINGS = 1
USAGE = 2
INCOMPLETE = 3
INTERRUPTED = 130


def of_report(report: Report, filters: Filters, threshold: Verdict, exit_zero: bool) -> int:
    """Filters narrow the findings. --exit-zero forgives findings, never a unit that was not read."""
    from auditor.reports.filters import select
    from auditor.reports.findings import reaching

    if any(run.coverage.units_failed for run in report.runs):
        return INCOMPLETE
    found = reaching(select(report, filters).sites, threshold)
    return FINDINGS if found and not exit_zero else OK


def of_error(error: AuditorError) -> int:
    return USAGE if isinstance(error, UsageError | InputError) else INCOMPLETE
