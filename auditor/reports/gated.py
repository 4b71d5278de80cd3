# SPDX-License-Identifier: GPL-2.0-only
"""What the gate says, in lines: what is new, known, fixed and stale, and which ignores are wrong. Not escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auditor.gate.baseline import NEW, UNCHANGED
from auditor.gate.thresholds import Thresholds
from auditor.model import BaselineEntry, JudgedSite, Report, Verdict
from auditor.reports.findings import place, reaching

UPDATE = "`ptregs-audit baseline update` drops what is fixed or stale"


def standing(found: Sequence[JudgedSite], compared: bool) -> str:
    """`: 2 new, 33 in the baseline, 1 ignored`, of sites; empty where nothing is suppressed or compared."""
    ignored = sum(s.suppressed is not None and s.suppressed.by == "ignore" for s in found)
    known = sum(s.suppressed is not None and s.suppressed.by == "baseline" for s in found)
    parts = [f"{len(found) - ignored - known} new", f"{known} in the baseline"] if compared else []
    if ignored and not compared:
        parts.append(f"{len(found) - ignored} open")
    if ignored:
        parts.append(f"{ignored} ignored in the source")
    return f": {', '.join(parts)}" if parts and found else ""


def counts(report: Report) -> dict[str, int]:
    """Findings of the report by their state in the baseline: a finding is a site under one proposal."""
    states = [state for s in report.sites for state in s.baseline.values()]
    return {state: states.count(state) for state in (NEW, UNCHANGED)}


def gate_sections(report: Report, lowest: Verdict | Thresholds, everything: bool) -> Iterator[tuple[str, list[str]]]:
    """(heading, lines); the suppressed sites themselves only with `everything`."""
    if report.wrong_ignores:
        lines = [f"{w.file}:{w.line}  {w.problem}: {w.why}" for w in report.wrong_ignores]
        yield f"Ignores that are wrong: {len(lines)}", lines
    if report.comparison is not None:
        lines = list(_comparison(report))
        yield f"{'Compared with' if report.change else 'Baseline'} {report.comparison.file}", lines
    suppressed = [s for s in reaching(report.sites, lowest) if s.suppressed is not None]
    if everything and suppressed:
        yield f"Suppressed: {len(suppressed)}", [_suppressed(s) for s in suppressed]


def _comparison(report: Report) -> Iterator[str]:
    comparison = report.comparison
    if comparison is None:
        return
    by_state = {**counts(report), "fixed": len(comparison.fixed), "stale": len(comparison.stale)}
    if report.change:
        # What is as it was, and what is mended, is not part of the report.
        by_state = {state: n for state, n in by_state.items() if n or state == NEW}
    other = f"; {comparison.other} of proposals that were not judged" if comparison.other else ""
    yield "findings by proposal: " + ", ".join(f"{n} {state}" for state, n in by_state.items()) + other
    for proposal in comparison.unlisted:
        yield f"it was not made with {proposal}: all findings of that proposal are new"
    for entry, now in comparison.fixed:
        yield f"fixed  {_entry(entry)}, now {now.value}"
    failed = any(run.coverage.units_failed for run in report.runs)
    gone = "not found, but units failed" if failed else "there is no such place any more"
    for entry in comparison.stale:
        yield f"stale  {_entry(entry)}: {gone}"
    if comparison.fixed or comparison.stale:
        yield UPDATE


def _entry(entry: BaselineEntry) -> str:
    function = f" in {entry.function}" if entry.function else ""
    return f"{entry.file}{function}  {entry.rule}  {entry.id}  {entry.verdict.value} under {entry.proposal}"


def _suppressed(judged: JudgedSite) -> str:
    found = judged.suppressed
    if found is None:
        return ""
    author = f" ({found.author})" if found.author else ""
    return f"{place(judged)}  {judged.site.rule}  {judged.id}  {found.by}: {found.reason}{author}"
