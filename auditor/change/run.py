# SPDX-License-Identifier: GPL-2.0-only
"""A change from its versions to a report of what it adds: both versions read, judged, and held against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from auditor import answer
from auditor.arch import Arch
from auditor.change import compare
from auditor.change.changed import Touched
from auditor.change.combine import Combined, combined
from auditor.change.consumers import Consumers, from_facts, from_text
from auditor.change.layout import defines, layouts_of, shipped_layout
from auditor.change.parsed import Both, Building, Files, Parsed
from auditor.change.reading import Version, opened, read_version
from auditor.change.surroundings import Side, included
from auditor.errors import IncompleteError, UsageError
from auditor.gate.baseline import Baseline
from auditor.gate.fingerprint import assign_ids
from auditor.gate.gate import gate
from auditor.gate.thresholds import Thresholds
from auditor.judge import rules
from auditor.judge.verdicts import judge
from auditor.kernel.texts import printable
from auditor.layouts.effects import effects_between
from auditor.model import Asked, Coverage, Effects, Facts, JudgedSite, Layout, Proposal, Report, Site, Target, Verdict

_NOTHING_PARSED = Both(Parsed(), Parsed(), 0, 0)
OWN = "this-change"
"""The id of the proposal that is the change itself, where it changes the layout."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is compared: the relevant files of two versions of one tree, and every source that the change touches.
    `tree`: as the report names it."""

    base: Side
    head: Side
    files: Sequence[Touched]
    every: Sequence[Touched]
    contents: Mapping[str, bytes | None]
    label: str
    base_label: str
    tree: str
    struct: str
    arch: Arch


@dataclass(frozen=True, slots=True)
class Outcome:
    """`notes`: what the user should know, one line each."""

    report: Report
    notes: tuple[str, ...] = ()


def run_change(
    change: Change,
    asked: Asked,
    thresholds: Thresholds,
    accepted: Baseline | None,
    filters: Mapping[str, tuple[str, ...]],
    facts: Facts | None = None,
    building: Building | None = None,
) -> Outcome:
    """The gated report of what the change adds. `facts`: of the last audit of this tree; `building`: how units are
    parsed; without it all is read by its text. Raises AuditorError for what cannot be used."""
    notes: list[str] = []
    base = opened(change.base, change.files, change.contents, newer=False)
    head = opened(change.head, change.files, change.contents, newer=True)
    both = _parse(change, base, head, building) if building is not None else _NOTHING_PARSED
    notes += both.notes
    before, after, own = _layouts(change, base, head, both, notes)
    base, head = _read(change, base, head)
    names = {printable(old): printable(new) for old, new in _renames(change).items()}
    here = [printable(p) for p in base.files], [printable(p) for p in head.files]
    was, is_ = combined(
        both, compare.renamed(base.sites, names), head.sites, [names.get(p, p) for p in here[0]], here[1]
    )
    old, new = was.sites, (*is_.sites, *compare.removed_guards(was.sites, is_.sites, change.struct))
    target = Target(change.struct, change.arch.id, change.tree, change.label, "", filters)
    base = replace(base, failures=(*base.failures, *both.base.failures))
    head = replace(head, failures=(*head.failures, *both.head.failures))
    old_facts = _facts(before, Combined(old), base, both)
    new_facts = _facts(after, Combined(new, is_.functions), head, both)
    judged = _proposals(old_facts, new_facts, change.arch, asked, notes)
    base_report = gate(answer.judged(old_facts, target, judged[0]), thresholds, rules.by_id(), unused=False)
    head_report = answer.judged(new_facts, target, judged[1])
    if own is not None:
        outside = _outside(change, facts)
        notes.append(outside.note)
        head = replace(head, failures=(*head.failures, *outside.failures))
        head_report = _with_own(head_report, own, base_report, outside.sites)
    known = compare.as_baseline(base_report, thresholds, change.base_label, accepted)
    gated = gate(head_report, thresholds, rules.by_id(), known, unused=False)
    failures = [replace(f, why=f"in {change.base_label}: {f.why}") for f in base.failures if f not in head.failures]
    report = compare.added(gated, base_report, accepted)
    run = report.runs[0]
    coverage = replace(run.coverage, units_failed=(*head.failures, *failures))
    report = replace(report, runs=(replace(run, coverage=coverage),), change=change.label)
    return Outcome(report, tuple(notes))


def _read(change: Change, base: Version, head: Version) -> tuple[Version, Version]:
    """What the change does not touch is the same in both versions, and read once."""
    around = included(change.head, {**base.files, **head.files}, change.arch)
    around = {p: d for p, d in around.items() if p not in head.files and p not in base.files}
    return (
        read_version(base, around, change.struct, change.arch),
        read_version(head, around, change.struct, change.arch),
    )


def _renames(change: Change) -> dict[str, str]:
    """{older path: newer path} from the tree."""
    return {
        f.before.removeprefix(change.base.prefix): f.after.removeprefix(change.head.prefix)
        for f in change.every
        if f.before and f.after and f.before != f.after
    }


def _parse(change: Change, base: Version, head: Version, building: Building) -> Both:
    every_base = opened(change.base, change.every, change.contents, newer=False).files
    every_head = opened(change.head, change.every, change.contents, newer=True).files
    renames = _renames(change)
    older = {**every_base, **{new: every_base[old] for old, new in renames.items() if old in every_base}}
    # libclang and what goes with it takes longer to import than most changes to read.
    from auditor.change.parsing import parse_both

    return parse_both(
        building,
        Files(change.base, older, frozenset(every_head.keys() - older.keys())),
        Files(change.head, every_head, frozenset(older.keys() - every_head.keys())),
        sorted(head.files),
        change.struct,
        change.arch,
    )


def _facts(layout: Layout, found: Combined, version: Version, both: Both) -> Facts:
    coverage = Coverage(both.units, both.analysed, units_failed=version.failures, uncovered=version.uncovered)
    return Facts(layout, found.sites, found.functions, coverage, ignores=version.ignores)


def _layouts(
    change: Change, base: Version, head: Version, both: Both, notes: list[str]
) -> tuple[Layout, Layout, tuple[Proposal, Effects] | None]:
    """(the layout before, after, the change itself as a proposal if it changes the layout)"""
    struct, arch = change.struct, change.arch
    # What the compiler sees goes first; a member of a configuration that is off it does not see.
    touched = _may_define(base, head, struct)
    old, new = both.base.layout, both.head.layout
    if old is not None and new is not None and (not touched or compare.differs(old, new)):
        return old, new, _own(change, old, new) if compare.differs(old, new) else None
    after = layouts_of(change.head, struct, arch, head.files)
    before = layouts_of(change.base, struct, arch, base.files) if touched else after
    if not (before or after):
        shipped = shipped_layout(struct, arch)
        if shipped is None:
            raise UsageError(f"struct {struct} is defined in no header of {change.tree}: name a struct of it")
        notes.append(f"struct {struct} is not defined here: the layout is that of the shipped minikernel")
        before = after = (shipped,)
    elif not after:
        raise IncompleteError(f"struct {struct} is defined no more in {change.label}: nothing can be compared")
    before = before or after
    # A member may stand in a conditional: then the layout is another one with some configuration only.
    pairs = [(b, a) for b, a in zip(_padded(before, after), _padded(after, before), strict=True)]
    for b, a in pairs:
        if compare.differs(b, a):
            return b, a, _own(change, b, a)
    return before[0], after[0], None


def _own(change: Change, before: Layout, after: Layout) -> tuple[Proposal, Effects]:
    title = f"struct {change.struct} as it is after {change.label}"
    proposal = Proposal(OWN, title, title, (), edits=("struct",), source=change.label)
    return proposal, effects_between(before, after)


def _padded(one: tuple[Layout, ...], other: tuple[Layout, ...]) -> tuple[Layout, ...]:
    return one if len(one) >= len(other) else (*one, *(one[-1] for _ in range(len(other) - len(one))))


def _may_define(base: Version, head: Version, struct: str) -> bool:
    return any(defines(d, struct) for v in (base, head) for d in v.files.values())


def _proposals(
    old: Facts, new: Facts, arch: Arch, asked: Asked, notes: list[str]
) -> tuple[list[tuple[Proposal, Effects]], list[tuple[Proposal, Effects]]]:
    """What is asked for, on both layouts. Of the shipped ones those that fit both: who changes the struct may add the
    very member that one of them would add."""
    if asked.proposals or asked.after or not compare.differs(old.layout, new.layout):
        return answer.proposals_of(old, arch, asked), answer.proposals_of(new, arch, asked)
    from auditor.layouts.proposals import load_all

    fitting: list[str] = []
    for name in load_all(arch.id):
        one = Asked((name,))
        try:
            answer.proposals_of(old, arch, one)
            answer.proposals_of(new, arch, one)
            fitting.append(name)
        except UsageError as e:
            notes.append(f"not judged: {e}")
    chosen = Asked(tuple(fitting))
    return (answer.proposals_of(old, arch, chosen), answer.proposals_of(new, arch, chosen)) if fitting else ([], [])


def _outside(change: Change, facts: Facts | None) -> Consumers:
    changed = {p.removeprefix(change.head.prefix) for f in change.files for p in (f.before, f.after) if p}
    if facts is not None:
        return from_facts(facts, {printable(p) for p in changed}, "from the last audit of this tree")
    return from_text(change.head, changed, change.struct, change.arch)


def _with_own(report: Report, own: tuple[Proposal, Effects], base: Report, outside: Sequence[Site]) -> Report:
    """With what was there before the change, judged by the change: what came with it knows the new layout. Of the
    places `outside` of its files those that are not safe."""
    stay = {s.id for s in report.sites}
    asked = [s for s in base.sites if s.id in stay]
    verdicts = judge([s.site for s in asked], rules.by_id(), [own])
    found = {s.id: v for s, v in zip(asked, verdicts, strict=True)}
    sites = tuple(replace(s, verdicts={**s.verdicts, **found.get(s.id, {})}) for s in report.sites)
    others = judge(outside, rules.by_id(), [own])
    more = tuple(
        JudgedSite(id_, 0, site, verdicts)
        for id_, site, verdicts in zip(assign_ids(outside), outside, others, strict=True)
        if verdicts[own[0].id].verdict is not Verdict.SAFE
    )
    return replace(report, sites=(*sites, *more), proposals=(*report.proposals, own))
