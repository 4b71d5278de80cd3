# SPDX-License-Identifier: GPL-2.0-only
"""A baseline for people: by file and place, with what it accepts and why."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from auditor.gate.baseline import Baseline, order
from auditor.reports.findings import plural
from auditor.terminal import printable


def lines(baseline: Baseline) -> Iterator[str]:
    """Safe to print."""
    yield from map(printable, _lines(baseline))


def _lines(baseline: Baseline) -> Iterator[str]:
    count, proposals = len(baseline.entries), len(baseline.proposals)
    yield f"{baseline.file}: struct {baseline.struct}, {baseline.arch}"
    yield f"{count} {plural(count, 'finding')} under {proposals} {plural(proposals, 'proposal')}"
    for proposal in sorted(baseline.proposals):
        number = sum(e.proposal == proposal for e in baseline.entries)
        yield f"  {number:>5}  {proposal}"
    entries = sorted(baseline.entries, key=order)
    for (file, function, rule, id_), group in groupby(entries, key=lambda e: (e.file, e.function, e.rule, e.id)):
        found = list(group)
        yield ""
        yield f"{file}{f' in {function}' if function else ''}  {rule}  {id_}"
        yield f"  | {found[0].expression}"
        for (reason, author), same in groupby(found, key=lambda e: (e.reason, e.author)):
            verdicts = ", ".join(f"{e.verdict.value} under {e.proposal}" for e in same)
            yield f"  {verdicts}: {reason or 'no reason'} ({author or 'nobody'})"
