# SPDX-License-Identifier: GPL-2.0-only
"""Which sites are worth a reader's time, worst first, and what can be said of each in a few words."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auditor.gate.gate import without_suppressed
from auditor.gate.thresholds import Thresholds, thresholds
from auditor.model import JudgedSite, Report, Verdict
from auditor.reports.filters import narrowed


@dataclass(frozen=True, slots=True)
class Reason:
    """One verdict with its `why`, and the proposals that share both."""

    verdict: Verdict
    why: str
    proposals: tuple[str, ...]


def worst(judged: JudgedSite) -> Verdict:
    return max((j.verdict for j in judged.verdicts.values()), key=lambda v: v.rank, default=Verdict.SAFE)


def reaching(sites: Iterable[JudgedSite], threshold: Verdict | Thresholds) -> list[JudgedSite]:
    """The findings: sites whose verdict under some proposal is at or above the threshold."""
    lowest = thresholds(threshold)
    return [s for s in sites if s.verdicts and lowest.reached(s.site.kind, worst(s))]


def failing(report: Report, threshold: Verdict | Thresholds) -> list[JudgedSite]:
    """What decides the exit code, worst first: each site with those verdicts only that the filters leave, and that are
    neither suppressed nor in the baseline."""
    return ranked(reaching(without_suppressed(narrowed(report)).sites, threshold), None)


def ranked(sites: Sequence[JudgedSite], limit: int | None) -> list[JudgedSite]:
    """The first `limit` by worst verdict, then by the number of proposals that cause it, then by place."""

    def key(judged: JudgedSite) -> tuple[int, int, str, int, int, str]:
        verdict = worst(judged)
        causes = sum(j.verdict is verdict for j in judged.verdicts.values())
        s = judged.site
        return -verdict.rank, -causes, s.file, s.line, s.column, judged.id

    return sorted(sites, key=key) if limit is None else heapq.nsmallest(limit, sites, key=key)


def reasons(judged: JudgedSite, order: Sequence[str], lowest: Verdict | Thresholds) -> list[Reason]:
    """The distinct reasons at or above `lowest`, worst first; proposals in the report's order."""
    shared: dict[tuple[Verdict, str], list[str]] = {}
    from_ = thresholds(lowest)
    for pid in order:
        j = judged.verdicts.get(pid)
        if j is not None and from_.reached(judged.site.kind, j.verdict):
            shared.setdefault((j.verdict, j.why), []).append(pid)
    found = [Reason(verdict, why, tuple(pids)) for (verdict, why), pids in shared.items()]
    return sorted(found, key=lambda r: -r.verdict.rank)


def short_verdicts(judged: JudgedSite, order: Sequence[str]) -> str:
    """`break: insert-head, insert-middle; review: extended`; what is safe goes without saying."""
    by_verdict: dict[Verdict, list[str]] = {}
    for pid in order:
        j = judged.verdicts.get(pid)
        if j is not None and j.verdict is not Verdict.SAFE:
            by_verdict.setdefault(j.verdict, []).append(pid)
    parts = [f"{v.value}: {', '.join(by_verdict[v])}" for v in sorted(by_verdict, key=lambda v: -v.rank)]
    return "; ".join(parts) or "safe"


def place(judged: JudgedSite) -> str:
    """file:line:column, without the numbers that are unknown."""
    s = judged.site
    numbers = [n for n in (s.line, s.column) if n]
    return ":".join([s.file, *map(str, numbers)])


def plural(n: int, word: str) -> str:
    return word if n == 1 else word + "s"


def why_in_words(judged: JudgedSite, order: Sequence[str], threshold: Verdict | Thresholds) -> list[str]:
    """`break under insert-head: offset 8 is ip today`, worst first."""
    return [f"{r.verdict.value} under {', '.join(r.proposals)}: {r.why}" for r in reasons(judged, order, threshold)]


def fixes(judged: JudgedSite, threshold: Verdict | Thresholds) -> list[str]:
    """What to do about the verdicts that count, each once."""
    lowest = thresholds(threshold)
    found = (j.fix for j in judged.verdicts.values() if j.fix and lowest.reached(judged.site.kind, j.verdict))
    return list(dict.fromkeys(found))


def one_line(expression: str, limit: int) -> str:
    text = " ".join(expression.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
