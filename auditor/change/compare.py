# SPDX-License-Identifier: GPL-2.0-only
"""What of the newer version's sites is new or worse. Pure.

The older version is a baseline: its findings are what is known, and the gate marks the rest as it always does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from auditor.gate.baseline import NEW, Baseline, updated
from auditor.gate.fingerprint import assign_ids, normalise
from auditor.gate.thresholds import Thresholds
from auditor.model import Comparison, JudgedSite, Layout, Related, Report, Site, WrongIgnore

REMOVED = "assert/removed"
_GUARD = "assert/build"
_WORD = re.compile(r"[A-Za-z_]\w*")


def renamed(sites: Iterable[Site], names: Mapping[str, str]) -> list[Site]:
    """The sites as if their files had always had the newer names: {older: newer}."""
    return [replace(s, file=names[s.file]) if s.file in names else s for s in sites]


def differs(before: Layout, after: Layout) -> bool:
    """Has a member another offset or size, or the struct another size?"""
    one, other = ({f.name: (f.offset, f.size, f.bit_offset, f.bit_size) for f in x.fields} for x in (before, after))
    return one != other or before.size != after.size


def as_baseline(base: Report, thresholds: Thresholds, label: str, accepted: Baseline | None) -> Baseline:
    """The findings of the older version, and those that the user's own baseline accepts; of two entries for one finding
    the worse verdict counts. `base` is gated: what the source ignored there is not known when the ignore goes."""
    target = base.runs[0].target
    found = updated(base, thresholds, Baseline(label, target.struct, target.arch, (), ()), f"there in {label}", "")
    if accepted is None:
        return found.baseline
    entries = {(e.id, e.proposal): e for e in found.baseline.entries}
    for entry in accepted.entries:
        other = entries.get((entry.id, entry.proposal))
        if other is None or entry.verdict.rank >= other.verdict.rank:
            entries[entry.id, entry.proposal] = entry
    proposals = tuple(dict.fromkeys((*found.baseline.proposals, *accepted.proposals)))
    return replace(found.baseline, proposals=proposals, entries=tuple(entries.values()))


def removed_guards(before: Sequence[Site], after: Sequence[Site], struct: str) -> list[Site]:
    """Guards of the older version that are gone while what they protect stays: each as a site of the newer version.

    One that moved within the change, or that another guard on the same members takes the place of, is not gone. File
    names are those of the newer version in both.
    """
    left = Counter(normalise(s.expression) for s in after if s.rule == _GUARD)
    stay = set(assign_ids(after))
    fresh = _fresh(before, after)
    gone: list[Site] = []
    for site, id_ in zip(before, assign_ids(before), strict=True):
        if site.rule == _GUARD and id_ in stay:
            left[normalise(site.expression)] -= 1
    for site, id_ in zip(before, assign_ids(before), strict=True):
        if site.rule != _GUARD or id_ in stay:
            continue
        text = normalise(site.expression)
        if left[text] > 0:
            left[text] -= 1
            continue
        replacing = fresh.get((site.file, site.function), [])
        names = _speaks_of(site, struct)
        instead = next((g for g in replacing if not names or _speaks_of(g, struct) & names), None)
        if instead is not None:
            replacing.remove(instead)
            continue
        protected = [s for s in after if _protects(site, s)]
        if protected:
            first = min(protected, key=lambda s: (s.line, s.column))
            note = f"the guard stood in line {site.line}; what it protected stays: {len(protected)} places"
            gone.append(
                replace(
                    site,
                    rule=REMOVED,
                    line=first.line,
                    end_line=first.line,
                    column=first.column,
                    uses=1,
                    related=(Related(first.file, first.line, note),),
                    traits=site.traits | {"removed"},
                )
            )
    return gone


def _fresh(before: Sequence[Site], after: Sequence[Site]) -> dict[tuple[str, str], list[Site]]:
    """The guards that only the newer version has, by function."""
    old = set(assign_ids(before))
    found: dict[tuple[str, str], list[Site]] = {}
    for site, id_ in zip(after, assign_ids(after), strict=True):
        if site.rule == _GUARD and id_ not in old:
            found.setdefault((site.file, site.function), []).append(site)
    return found


_SHAPE = frozenset(
    {"BUILD_BUG_ON", "BUILD_BUG_ON_MSG", "static_assert", "_Static_assert", "offsetof", "sizeof", "struct"}
    | {"offsetofend", "unsigned", "long", "compiletime_assert"}
)


def _speaks_of(guard: Site, struct: str) -> frozenset[str]:
    """The members and other names of its condition."""
    return frozenset(_WORD.findall(guard.expression)) - _SHAPE - {struct}


def _protects(guard: Site, site: Site) -> bool:
    """A guard speaks for its own function; one outside of functions for its file."""
    if site.file != guard.file or site.kind == "assert":
        return False
    return site.function == guard.function if guard.function else True


def added(report: Report, base: Report, accepted: Baseline | None) -> Report:
    """Of a gated report: the sites that the older version did not have, or that are worse under some proposal."""
    before = {s.id: s for s in base.sites}
    kept = tuple(s for s in report.sites if _is_added(s, before.get(s.id)))
    ids = {s.id for s in kept}
    functions = (replace(f, sites=tuple(i for i in f.sites if i in ids)) for f in report.functions)
    return replace(
        report,
        sites=kept,
        functions=tuple(f for f in functions if f.sites),
        wrong_ignores=tuple(_new_wrong(report.wrong_ignores, base.wrong_ignores)),
        comparison=_comparison(report.comparison, report, base, accepted),
    )


def _is_added(now: JudgedSite, before: JudgedSite | None) -> bool:
    if before is None or NEW in now.baseline.values():
        return True
    return any(
        (old := before.verdicts.get(p)) is not None and j.verdict.rank > old.verdict.rank
        for p, j in now.verdicts.items()
    )


def _new_wrong(now: Sequence[WrongIgnore], before: Sequence[WrongIgnore]) -> Iterator[WrongIgnore]:
    known = Counter((w.file, w.problem, w.rule) for w in before)
    for wrong in now:
        key = (wrong.file, wrong.problem, wrong.rule)
        known[key] -= 1
        if known[key] < 0:
            yield wrong


def _comparison(found: Comparison | None, report: Report, base: Report, accepted: Baseline | None) -> Comparison | None:
    """Of the user's own baseline only what this change made stale; what a change removes or mends is no news."""
    if found is None:
        return None
    gone = {s.id for s in base.sites} - {s.id for s in report.sites}
    stale = tuple(e for e in accepted.entries if e.id in gone) if accepted is not None else ()
    return replace(found, fixed=(), stale=stale, unlisted=(), other=0)
