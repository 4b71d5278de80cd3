# SPDX-License-Identifier: GPL-2.0-only
"""A report of a few sites in one file, and what may be said of them."""

from __future__ import annotations

from dataclasses import replace

from auditor.gate.baseline import Baseline, updated
from auditor.gate.gate import gate
from auditor.gate.thresholds import Thresholds
from auditor.model import Ignore, JudgedSite, Report
from tests.reports.factory import COVERAGE, OFFSET, SAFE, both, make_report, verdict

RULES = ("raw-offset/constant", "raw-offset/past-end", "order/index", "uapi-export/by-name")
BREAK = Thresholds()
EMPTY = Baseline("b.json", "pt_regs", "x86_64", (), ())


def place(ordinal: int, extended: str = "safe", head: str = "break", **more: object) -> JudgedSite:
    """One of several equal places, told apart by their ids."""
    site = replace(replace(OFFSET.site, line=10 * ordinal, end_line=10 * ordinal), **more)  # type: ignore[arg-type]
    judged = both(SAFE if extended == "safe" else verdict(extended), SAFE if head == "safe" else verdict(head))
    return JudgedSite(f"{ordinal:012x}", 0, site, judged)


def report(*sites: JudgedSite, ignores: tuple[Ignore, ...] = (), whole: bool = True) -> Report:
    coverage = replace(COVERAGE, units_failed=()) if whole else COVERAGE
    return replace(make_report(*sites, coverage=coverage), sites=sites, functions=(), ignores=ignores)


def ignore(line: int, *rules: str, reason: str = "known", below: int = 0, **more: object) -> Ignore:
    plain = Ignore(OFFSET.site.file, line, (line, line), below, rules or (OFFSET.site.rule,), reason)
    return replace(plain, **more)  # type: ignore[arg-type]


def made_of(*sites: JudgedSite, reason: str = "then", author: str = "A", thresholds: Thresholds = BREAK) -> Baseline:
    return updated(report(*sites), thresholds, EMPTY, reason, author).baseline


def against(baseline: Baseline, *sites: JudgedSite, thresholds: Thresholds = BREAK) -> Report:
    return gate(report(*sites), thresholds, RULES, baseline)
