# SPDX-License-Identifier: GPL-2.0-only
"""A baseline: the findings that are known and accepted, each with a reason. Comparing and updating are pure.

A finding is a site under one proposal. It is known by the site's id, which survives line shifts and tells equal places
apart, so that of three equal places in a file with two entries one is new. What has got worse since is new again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from auditor.errors import InputError
from auditor.gate.thresholds import Thresholds
from auditor.model import BaselineEntry, Comparison, JudgedSite, Judgement, Report, Verdict

NEW, UNCHANGED = "new", "unchanged"
EXPRESSION = 160
"""Characters; it is there to be recognised by people."""

Key = tuple[str, str]
"""(id of the site, id of the proposal)"""


@dataclass(frozen=True, slots=True)
class Baseline:
    """`proposals`: those that it was made with, whether they have findings or not. `file`: for messages."""

    file: str
    struct: str
    arch: str
    proposals: tuple[str, ...]
    entries: tuple[BaselineEntry, ...]


@dataclass(frozen=True, slots=True)
class Updated:
    """`baseline` as it is now, and the number of entries that were added, kept and dropped, and why."""

    baseline: Baseline
    added: int
    kept: int
    fixed: int
    stale: int
    ignored: int


def check_target(baseline: Baseline, struct: str, arch: str) -> None:
    """InputError: the baseline is of another struct or architecture."""
    if (struct, arch) != (baseline.struct, baseline.arch):
        made = f"is a baseline of struct {baseline.struct} on {baseline.arch}"
        asked = f"expected struct {struct} on {arch}; name another one, or make it with `ptregs-audit baseline create`"
        raise InputError(baseline.file, made, asked)


def compare(
    sites: Sequence[JudgedSite], judged: Sequence[str], thresholds: Thresholds, baseline: Baseline
) -> tuple[list[dict[str, str]], Comparison]:
    """For each site {proposal: NEW or UNCHANGED} of its findings, and what else is to be said. `judged`: proposals.

    A verdict that is better than the entry's is fixed, and no finding that counts even if it still reaches the
    threshold; one that is worse is new.
    """
    entries = {(e.id, e.proposal): e for e in baseline.entries}
    states = [dict(_states(s, thresholds, entries)) for s in sites]
    verdicts = {(s.id, p): j.verdict for s in sites for p, j in s.verdicts.items()}
    ids = {s.id for s in sites}
    fixed, stale, other = [], [], 0
    for key, entry in entries.items():
        now = verdicts.get(key)
        if entry.proposal not in judged:
            other += 1
        elif entry.id not in ids:
            stale.append(entry)
        elif now is not None and now.rank < entry.verdict.rank:
            fixed.append((entry, now))
    unlisted = tuple(p for p in judged if p not in baseline.proposals)
    return states, Comparison(baseline.file, tuple(fixed), tuple(stale), other, unlisted)


def _states(judged: JudgedSite, thresholds: Thresholds, entries: dict[Key, BaselineEntry]) -> Iterator[tuple[str, str]]:
    for proposal, judgement in judged.verdicts.items():
        if thresholds.reached(judged.site.kind, judgement.verdict):
            entry = entries.get((judged.id, proposal))
            known = entry is not None and judgement.verdict.rank <= entry.verdict.rank
            yield proposal, UNCHANGED if known else NEW


def updated(
    report: Report, thresholds: Thresholds, baseline: Baseline, reason: str, author: str, whole: bool = True
) -> Updated:
    """The baseline with all findings of a report whose inline ignores are marked.

    What stays keeps its reason and author; what is new, or worse than it was, gets these. What is fixed, stale or
    ignored in the source is dropped. Entries of proposals that were not judged stay, and so do those without a site if
    the report is not `whole`: it may lie in a unit that was not analysed.
    """
    old = {(e.id, e.proposal): e for e in baseline.entries}
    judged = [p.id for p, _ in report.proposals]
    sites = {s.id: s for s in report.sites}
    entries: dict[Key, BaselineEntry] = {}
    added = fixed = stale = ignored = 0
    for site in report.sites:
        for proposal, judgement in site.verdicts.items():
            if not _ignored(site) and thresholds.reached(site.site.kind, judgement.verdict):
                key = (site.id, proposal)
                before = old.get(key)
                if before is not None and judgement.verdict.rank <= before.verdict.rank:
                    entries[key] = _entry(site, proposal, judgement, before.reason, before.author)
                else:
                    entries[key] = _entry(site, proposal, judgement, reason, author)
                    added += 1
    for key, entry in old.items():
        place = sites.get(entry.id)
        now = place.verdicts.get(entry.proposal) if place is not None else None
        if key in entries:
            continue
        if entry.proposal in judged and place is None and whole:
            stale += 1
        elif entry.proposal in judged and place is not None and _ignored(place):
            ignored += 1
        elif now is not None and now.verdict.rank < entry.verdict.rank:
            fixed += 1
        else:
            entries[key] = entry
    proposals = tuple(sorted({*baseline.proposals, *judged}))
    made = replace(baseline, proposals=proposals, entries=tuple(sorted(entries.values(), key=order)))
    return Updated(made, added, len(entries) - added, fixed, stale, ignored)


def _ignored(judged: JudgedSite) -> bool:
    return judged.suppressed is not None and judged.suppressed.by == "ignore"


def _entry(judged: JudgedSite, proposal: str, judgement: Judgement, reason: str, author: str) -> BaselineEntry:
    s = judged.site
    expression = " ".join(s.expression.split())[:EXPRESSION]
    return BaselineEntry(judged.id, proposal, judgement.verdict, s.rule, s.file, s.function, expression, reason, author)


def order(entry: BaselineEntry) -> tuple[str, str, str, str, str]:
    """Entries of one file and function stand together, whatever their ids are."""
    return entry.file, entry.function, entry.rule, entry.id, entry.proposal


def worst(entries: Sequence[BaselineEntry]) -> dict[str, dict[Verdict, int]]:
    """{proposal: {verdict: number of entries}}"""
    table: dict[str, dict[Verdict, int]] = {}
    for entry in entries:
        row = table.setdefault(entry.proposal, {})
        row[entry.verdict] = row.get(entry.verdict, 0) + 1
    return table
