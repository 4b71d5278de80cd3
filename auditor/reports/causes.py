# SPDX-License-Identifier: GPL-2.0-only
"""Root causes: the few things to change behind the many sites that break.

A root cause is a rule and where it comes from: the guard that stops the build, the macro or table that a related place
names, or the definition that many places use. Sites that nothing ties together share their rule as the cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from auditor.gate.thresholds import Thresholds, thresholds
from auditor.model import JudgedSite, Related, Report, Verdict
from auditor.reports.findings import place

ORIGINS = ("macro", "table", "guard", "definition")
"""A related place is the origin of a site when its note starts with one of these words."""


@dataclass(frozen=True, slots=True)
class Cause:
    rule: str
    origin: str
    sites: int
    files: int
    worst: Verdict
    first: str


def root_causes(report: Report, proposal: str, threshold: Verdict | Thresholds) -> list[Cause]:
    """The causes of this proposal's findings, worst and largest first."""
    guards = _guards(report.sites, proposal)
    groups: dict[tuple[str, str], list[JudgedSite]] = {}
    lowest = thresholds(threshold)
    for judged in report.sites:
        j = judged.verdicts.get(proposal)
        if j is not None and lowest.reached(judged.site.kind, j.verdict):
            groups.setdefault(_cause(judged, proposal, guards), []).append(judged)
    causes = [_summed(key, members, proposal) for key, members in groups.items()]
    return sorted(causes, key=lambda c: (-c.worst.rank, -c.sites, c.rule, c.origin))


def _guards(sites: Iterable[JudgedSite], proposal: str) -> Mapping[tuple[int, str, str], JudgedSite]:
    """{(run, file, function): the guard there that stops the build}."""
    found: dict[tuple[int, str, str], JudgedSite] = {}
    for judged in sites:
        j = judged.verdicts.get(proposal)
        if j is not None and judged.site.kind == "assert" and j.verdict is Verdict.BUILD_FAILS:
            found.setdefault((judged.run, judged.site.file, judged.site.function), judged)
    return found


def _cause(judged: JudgedSite, proposal: str, guards: Mapping[tuple[int, str, str], JudgedSite]) -> tuple[str, str]:
    site = judged.site
    if judged.verdicts[proposal].verdict is Verdict.BUILD_FAILS:
        guard = guards.get((judged.run, site.file, site.function))
        if guard is not None:
            return guard.site.rule, f"guard {place(guard)}"
    origin = next((r for r in site.related if r.note.startswith(ORIGINS)), None)
    if origin is not None:
        return site.rule, _origin(origin)
    if site.uses > 1:
        return site.rule, f"definition {place(judged)}"
    return site.rule, ""


def _origin(related: Related) -> str:
    return f"{related.note} {related.file}:{related.line}" if related.line else f"{related.note} {related.file}"


def _summed(key: tuple[str, str], members: list[JudgedSite], proposal: str) -> Cause:
    worst = max((m.verdicts[proposal].verdict for m in members), key=lambda v: v.rank)
    of_worst = [m for m in members if m.verdicts[proposal].verdict is worst]
    first = min(of_worst, key=lambda m: (m.site.file, m.site.line, m.site.column))
    return Cause(*key, len(members), len({m.site.file for m in members}), worst, place(first))
