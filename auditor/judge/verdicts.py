# SPDX-License-Identifier: GPL-2.0-only
"""Judging: a pure function of sites, effects and rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from auditor.judge.conditions import guard_fires, holds
from auditor.judge.rules import Rule
from auditor.judge.words import describe
from auditor.model import Effects, Judgement, Proposal, Site, Verdict


def judge_site(site: Site, rule: Rule, proposal: Proposal, effects: Effects) -> Judgement:
    """The highest clause of the rule's table that applies; `safe`, in the rule's own words, when none does."""
    if (reason := _apart(site)) is not None:
        return Judgement(Verdict.SAFE, reason)
    best = None
    for clause in rule.clauses:
        applies = all(holds(c, site, effects) for c in clause.when)
        if applies and (best is None or clause.verdict.rank > best.verdict.rank):
            best = clause
    if best is None:
        return Judgement(Verdict.SAFE, f"{rule.title}: nothing it depends on changes")
    fix = (best.fix or rule.fix) if best.verdict.rank > Verdict.REBUILD.rank else ""
    return Judgement(best.verdict, describe(best.why, site, effects, proposal), fix)


_RELOCATED = ("field", "bpf-ctx", "offsetof")


def _apart(site: Site) -> str | None:
    """Why no proposal reaches the site; None where the rule's table has to say."""
    if site.evidence != "syntactic":
        return None
    if site.struct_of:
        return f"the struct of {site.struct_of} is another one: the proposals change this one's only"
    if "relocated" in site.traits and site.kind in _RELOCATED:
        return "CO-RE relocates it: the offset is that of the kernel which runs"
    return None


def _built_with(site: Site, guard: Site) -> bool:
    """What no unit read may have another function of the same name, in another branch."""
    as_text = site.evidence == "syntactic"
    if as_text != (guard.evidence == "syntactic"):
        return False
    lines = guard.guard.lines if guard.guard is not None else None
    return not as_text or (lines is not None and lines[0] <= site.line <= lines[1])


def judge(
    sites: Sequence[Site], rules: Mapping[str, Rule], proposals: Iterable[tuple[Proposal, Effects]]
) -> list[dict[str, Judgement]]:
    """Per site, in order, {proposal id: judgement}.

    A guard that fires stops the build of its function: the other sites there that would change become `build-fails`.
    One that a change removed stops nothing. Of what was read as text it stops what no conditional parts from it.
    """
    verdicts: list[dict[str, Judgement]] = [{} for _ in sites]
    # Most of a kernel's texts are about another architecture's struct: that is the same for every proposal.
    apart = [Judgement(Verdict.SAFE, why) if (why := _apart(s)) is not None else None for s in sites]
    for proposal, effects in proposals:
        firing = [i for i, s in enumerate(sites) if s.guard is not None and not apart[i] and guard_fires(s, effects)]
        stopping: dict[tuple[str, str], list[Site]] = {}
        for site in (sites[i] for i in firing):
            if "removed" not in site.traits:
                stopping.setdefault((site.file, site.function), []).append(site)
        own = set(firing)
        for i, (site, row) in enumerate(zip(sites, verdicts, strict=True)):
            if (settled := apart[i]) is not None:
                row[proposal.id] = settled
                continue
            judgement = judge_site(site, rules[site.rule], proposal, effects)
            guards = stopping.get((site.file, site.function), ()) if site.function and i not in own else ()
            guard = next((g for g in guards if _built_with(site, g)), None)
            if guard is not None and judgement.verdict is not Verdict.SAFE:
                why = f"the guard in line {guard.line} (`{guard.expression}`) stops the build first; {judgement.why}"
                judgement = Judgement(Verdict.BUILD_FAILS, why, judgement.fix)
            row[proposal.id] = judgement
    return verdicts
