# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts held against what the compiler made of them. Pure.

What a verdict claims about machine code: `rebuild`, it changes; `safe`, it does not change by this site; `break`, it
stays as it is where it should have followed; `build-fails`, there is none. `abi` and `review` claim nothing. A function
is the smallest thing compared: one that changed for the sake of one site says nothing about the others in it.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from auditor.model import JudgedSite, Report, Verdict
from auditor.prove.inlining import hosts
from auditor.prove.stops import Stop
from auditor.prove.units import UnitProof

Place = tuple[str, str]
"""(object, function or data object)"""


class Outcome(enum.Enum):
    FOLLOWS = "follows"
    STAYS = "does not follow"
    GUARD = "guard fires"
    UNCHANGED = "unchanged"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Proof:
    """One site. `why` names what was seen; `decides`: the outcome speaks for or against the verdict."""

    site: str
    outcome: Outcome
    why: str
    decides: bool = False
    contradiction: bool = False


@dataclass(frozen=True, slots=True)
class Unexplained:
    """What changed, or stopped, though no site says that it would."""

    unit: str
    object: str
    name: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    proofs: tuple[Proof, ...]
    unexplained: tuple[Unexplained, ...]

    @property
    def contradictions(self) -> int:
        return sum(p.contradiction for p in self.proofs) + len(self.unexplained)


@dataclass(slots=True)
class _Seen:
    """Where one site was compiled, and with what result."""

    changed: list[Place]
    same: list[Place]
    stopped: list[UnitProof]
    undecided: list[str]
    absent: list[Place]
    through: list[tuple[Place, str]]
    """Functions that are the same, but use a data object that changed: a table inside of a function is one."""


def judge(report: Report, proposal: str, sites: Iterable[str], units: Sequence[UnitProof]) -> Judged:
    """The asked `sites`, and everything that changed in `units` without a site that accounts for it."""
    context = _Context(report, proposal, units)
    wanted = set(sites)
    proofs = tuple(context.proof(s) for s in report.sites if s.id in wanted)
    return Judged(proofs, tuple(context.unexplained()))


class _Context:
    def __init__(self, report: Report, proposal: str, units: Sequence[UnitProof]) -> None:
        self._proposal = proposal
        self._units = {p.unit.object: p for p in units}
        self._sites = {s.id: s for s in report.sites}
        self._holds: dict[Place, set[str]] = defaultdict(set)
        for entry in report.functions:
            if entry.object in self._units:
                self._holds[entry.object, entry.function].update(entry.sites)
        sources: dict[str, list[str]] = defaultdict(list)
        for p in units:
            sources[p.unit.source].append(p.unit.object)
        listed = {i for entry in report.functions for i in entry.sites}
        for s in report.sites:
            # What stands outside of any function is part of a data object, which has the name that the site gives. A
            # header declares what some unit defines.
            if s.id not in listed and s.site.function:
                for object_ in sources.get(s.site.file) or self._defining(s.site.function):
                    self._holds[object_, s.site.function].add(s.id)
        for p in units:
            moved = p.compared.moved if p.compared is not None else ()
            for name, callers in hosts((*p.inlined, *moved)).items():
                for caller in callers if (p.unit.object, name) in self._holds else ():
                    self._holds[p.unit.object, caller] |= self._holds[p.unit.object, name]
        self._places: Mapping[str, list[Place]] = defaultdict(list)
        for place, ids in sorted(self._holds.items()):
            for i in ids:
                self._places[i].append(place)

    def _defining(self, name: str) -> list[str]:
        compared = ((o, p.compared.data) for o, p in self._units.items() if p.compared is not None)
        return [o for o, data in compared if name in data.same or name in data.differing]

    def _verdict(self, judged: JudgedSite) -> Verdict:
        return judged.verdicts[self._proposal].verdict

    def proof(self, judged: JudgedSite) -> Proof:
        seen = self._seen(judged.id)
        match self._verdict(judged):
            case Verdict.BUILD_FAILS:
                return _guard(judged, seen)
            case Verdict.REBUILD:
                return _rebuild(judged, seen)
            case Verdict.SAFE:
                return self._safe(judged, seen)
            case Verdict.BREAK:
                return _break(judged, seen)
            case _:
                return _no_claim(judged, seen)

    def _seen(self, site: str) -> _Seen:
        seen = _Seen([], [], [], [], [], [])
        for place in self._places.get(site, ()):
            proof = self._units[place[0]]
            if proof.stops:
                seen.stopped.append(proof)
            elif proof.compared is None:
                seen.undecided.append(f"{proof.unit.source}: {proof.undecided}")
            else:
                kinds = (proof.compared.functions, proof.compared.data)
                if any(place[1] in k.differing for k in kinds):
                    seen.changed.append(place)
                elif any(place[1] in k.same for k in kinds):
                    seen.same.append(place)
                    seen.through += [(place, d) for d in sorted(proof.compared.through.get(place[1], ()))]
                else:
                    seen.absent.append(place)
        held = {place[0] for place in self._places.get(site, ())}
        # A guard outside of any function is in no object; the compiler names its line.
        seen.stopped += [p for o, p in self._units.items() if o not in held and _stops_on(self._sites[site], p)]
        return seen

    def _safe(self, judged: JudgedSite, seen: _Seen) -> Proof:
        if seen.same:
            return Proof(judged.id, Outcome.UNCHANGED, _named("unchanged", seen.same), decides=True)
        unexplained = [p for p in seen.changed if not self._accounted(p)]
        if alone := [p for p in unexplained if self._holds[p] == {judged.id}]:
            why = _named("changed, and there is no other site in it", alone)
            return Proof(judged.id, Outcome.FOLLOWS, why, decides=True, contradiction=True)
        if unexplained:
            why = _named("changed, and none of its sites is said to", unexplained)
            return Proof(judged.id, Outcome.UNDECIDED, why)
        if seen.changed:
            return Proof(judged.id, Outcome.UNDECIDED, _named("changed, for other sites in it", seen.changed))
        return _nowhere(judged, seen)

    def _accounted(self, place: Place) -> bool:
        """Is there a site in it whose code may change?"""
        return any(self._verdict(self._sites[i]) is not Verdict.SAFE for i in self._holds.get(place, ()))

    def unexplained(self) -> Iterable[Unexplained]:
        """A function with a single site is told with that site."""
        for object_, proof in sorted(self._units.items()):
            if proof.stops and not self._announced(object_, proof):
                stop = proof.stops[0]
                yield Unexplained(proof.unit.source, object_, f"{stop.file}:{stop.line}", stop.message)
            if proof.compared is not None:
                compared = proof.compared
                for name in sorted(compared.functions.differing):
                    if not self._accounted((object_, name)) and len(self._holds.get((object_, name), ())) != 1:
                        yield Unexplained(proof.unit.source, object_, name)
                for name in sorted(compared.data.differing):
                    # A table inside of a function belongs to the sites of its users.
                    if not any(self._accounted((object_, n)) for n in (name, *compared.users.get(name, ()))):
                        yield Unexplained(proof.unit.source, object_, name)

    def _announced(self, object_: str, proof: UnitProof) -> bool:
        """Does a verdict say that a guard of this unit fires?"""
        held = {i for (o, _), ids in self._holds.items() if o == object_ for i in ids}
        return any(
            _stops_on(s, proof) or (s.id in held and _stops_in(s, proof))
            for s in self._sites.values()
            if self._verdict(s) is Verdict.BUILD_FAILS
        )


def _rebuild(judged: JudgedSite, seen: _Seen) -> Proof:
    if seen.changed:
        return Proof(judged.id, Outcome.FOLLOWS, _named("changed", seen.changed), decides=True)
    if seen.through:
        place, data = seen.through[0]
        return Proof(judged.id, Outcome.FOLLOWS, _named(f"uses {data}, which changed", [place]), decides=True)
    if seen.same:
        why = _named("unchanged", seen.same)
        return Proof(judged.id, Outcome.STAYS, why, decides=True, contradiction=True)
    return _nowhere(judged, seen)


def _break(judged: JudgedSite, seen: _Seen) -> Proof:
    if seen.same:
        return Proof(judged.id, Outcome.STAYS, _named("unchanged", seen.same), decides=True)
    if seen.changed:
        why = _named("changed; whether to what is right, a comparison does not say", seen.changed)
        return Proof(judged.id, Outcome.UNDECIDED, why)
    return _nowhere(judged, seen)


def _no_claim(judged: JudgedSite, seen: _Seen) -> Proof:
    if seen.changed:
        return Proof(judged.id, Outcome.FOLLOWS, _named("changed", seen.changed))
    if seen.same:
        return Proof(judged.id, Outcome.UNCHANGED, _named("unchanged", seen.same))
    return _nowhere(judged, seen)


def _guard(judged: JudgedSite, seen: _Seen) -> Proof:
    for proof in seen.stopped:
        if stop := _stops_on(judged, proof) or _stops_in(judged, proof):
            return Proof(judged.id, Outcome.GUARD, f"{proof.unit.source} stops: {stop.message}", decides=True)
    compiled = seen.changed + seen.same
    if compiled and not seen.stopped:
        why = _named("compiled, and no guard fires", compiled)
        outcome = Outcome.FOLLOWS if seen.changed else Outcome.UNCHANGED
        return Proof(judged.id, outcome, why, decides=True, contradiction=True)
    return _nowhere(judged, seen)


def _stops_on(judged: JudgedSite, proof: UnitProof) -> Stop | None:
    """The error that names a line of this site."""
    site = judged.site
    lines = range(site.line, max(site.end_line, site.line) + 1)
    return next((s for s in proof.stops if any(f == site.file and n in lines for f, n in s.places)), None)


def _stops_in(judged: JudgedSite, proof: UnitProof) -> Stop | None:
    """The error that names this site's function: the guard stands for all that the function does."""
    return next((s for s in proof.stops if judged.site.function in s.functions), None)


def _nowhere(judged: JudgedSite, seen: _Seen) -> Proof:
    if seen.stopped:
        first, stop = seen.stopped[0], seen.stopped[0].stops[0]
        why = f"{first.unit.source} stops elsewhere, at {stop.file}:{stop.line}: {stop.message}"
    elif seen.undecided:
        why = seen.undecided[0]
    elif seen.absent:
        why = _named("not there: inlined, or dropped as unused", seen.absent)
    else:
        why = "no function or data object of a compiled unit holds it"
    return Proof(judged.id, Outcome.UNDECIDED, why)


def _named(what: str, places: Sequence[Place]) -> str:
    object_, name = places[0]
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"{name} in {object_}{more}: {what}"
