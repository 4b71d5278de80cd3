# SPDX-License-Identifier: GPL-2.0-only
"""The gate: what of a report is known and accepted, and what is left to fail on. Nothing is dropped, only marked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from auditor.gate.baseline import UNCHANGED, Baseline, check_target, compare
from auditor.gate.ignores import suppressed_by, wrong
from auditor.gate.thresholds import Thresholds
from auditor.model import JudgedSite, Report, Suppression


def gate(
    report: Report,
    thresholds: Thresholds,
    rules: Collection[str],
    baseline: Baseline | None = None,
    unused: bool = True,
) -> Report:
    """The report with its suppressions marked. InputError: the baseline is of another struct or architecture.

    `rules`: the ids of all that exist. `unused`: an ignore without a site is wrong; not if the report is of another
    struct than the ignores were written for.
    """
    ignored = suppressed_by(report.ignores, report.sites)
    sites = [replace(s, suppressed=ignored.get(n)) for n, s in enumerate(report.sites)] if ignored else report.sites
    comparison = None
    if baseline is not None:
        for run in report.runs:
            check_target(baseline, run.target.struct, run.target.arch)
        states, comparison = compare(sites, [p.id for p, _ in report.proposals], thresholds, baseline)
        reasons = {(e.id, e.proposal): Suppression("baseline", e.reason, e.author) for e in baseline.entries}
        sites = [_with_states(s, of_site, reasons) for s, of_site in zip(sites, states, strict=True)]
    return replace(
        report,
        sites=tuple(sites),
        wrong_ignores=wrong(report.ignores, report.sites, rules, unused),
        comparison=comparison,
    )


def _with_states(judged: JudgedSite, states: dict[str, str], reasons: dict[tuple[str, str], Suppression]) -> JudgedSite:
    if not states:
        return judged
    if judged.suppressed is not None:
        # What is ignored in the source is no news to the baseline either.
        return replace(judged, baseline={p: s for p, s in states.items() if s == UNCHANGED})
    suppressed = None
    if all(s == UNCHANGED for s in states.values()):
        suppressed = _joined([reasons[judged.id, p] for p in states])
    return replace(judged, suppressed=suppressed, baseline=states)


def _joined(found: list[Suppression]) -> Suppression:
    """A site has one suppression, and may have several entries: their reasons, each once."""
    reason = "; ".join(dict.fromkeys(s.reason for s in found))
    return replace(found[0], reason=reason, author="; ".join(dict.fromkeys(s.author for s in found)))


def findings(judged: JudgedSite, thresholds: Thresholds) -> list[str]:
    """The proposals under which the site fails the gate: it reaches the threshold, and nothing suppresses it."""
    if judged.suppressed is not None:
        return []
    return [
        p
        for p, j in judged.verdicts.items()
        if thresholds.reached(judged.site.kind, j.verdict) and judged.baseline.get(p) != UNCHANGED
    ]


def failing(sites: Iterable[JudgedSite], thresholds: Thresholds) -> list[JudgedSite]:
    return [s for s in sites if findings(s, thresholds)]


def without_suppressed(report: Report) -> Report:
    """The report as somebody wants to read it who knows what is suppressed."""
    return replace(report, sites=tuple(r for s in report.sites if (r := _rest(s)) is not None))


def _rest(judged: JudgedSite) -> JudgedSite | None:
    if judged.suppressed is not None:
        return None
    if UNCHANGED not in judged.baseline.values():
        return judged
    return replace(judged, verdicts={p: j for p, j in judged.verdicts.items() if judged.baseline.get(p) != UNCHANGED})
