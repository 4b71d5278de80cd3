# SPDX-License-Identifier: GPL-2.0-only
"""One proof: the sites that were asked for, the units that hold them, two compilations of each, an answer per site."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from auditor import arch as archs
from auditor import libclang
from auditor.errors import InputError, UsageError
from auditor.kernel.discover import discover
from auditor.kernel.tree import PREPARE_HINT, Build, Tree, open_build, open_tree
from auditor.layouts.proposals import resolve
from auditor.model import JudgedSite, Related, Report, Run, Unit
from auditor.prove.compile import Limits
from auditor.prove.judge import Judged, Outcome, Proof, judge
from auditor.prove.overlay import check_provable, make_overlay
from auditor.prove.units import Bench, Progress, UnitProof, prove_units
from auditor.reports.filters import path_matches

PER_SITE = 8
"""Units compiled for one site when single ones are asked for; an inline function of a header is in hundreds."""


@dataclass(frozen=True, slots=True)
class ProveRequest:
    """`sites` and `files` empty: all. `files`: globs of the files that hold sites, or of the units' sources.

    `tree` and `build` win over what the report and the tree say.
    """

    proposal: str
    tree: Path
    build: Path | None = None
    compdb: Path | None = None
    sites: frozenset[str] = frozenset()
    files: tuple[str, ...] = ()
    jobs: int = 1
    limits: Limits = field(default_factory=Limits)
    libclang: str | None = None


@dataclass(frozen=True, slots=True)
class Proved:
    """`lost`: units that could not be compiled or compared, and why. `left_out`: units that also hold a site."""

    proposal: str
    judged: Judged
    units: int
    lost: tuple[UnitProof, ...]
    left_out: int
    report: Report


def run_prove(
    request: ProveRequest, report: Report, say: Callable[[str], None], progress: Progress | None = None
) -> Proved:
    """AuditorError: nothing can be proved at all. What fails for one unit is in the result."""
    if len(report.runs) != 1:
        raise UsageError(f"the report holds {len(report.runs)} runs; prove takes that of a single audit")
    run = report.runs[0]
    arch = archs.for_struct(run.target.arch, run.target.struct)
    libclang.use(request.libclang)
    proposal = resolve(request.proposal, arch.id)
    if proposal.id not in {p.id for p, _ in report.proposals}:
        raise UsageError(f"the report has no verdicts for {proposal.id}: audit with --proposal {request.proposal}")
    check_provable(proposal)
    tree = open_tree(request.tree)
    build = _build(request, tree, run)
    asked, preferred = _asked(request, report)
    known = {u.object: u for u in discover(tree, build, request.compdb).units}
    units, left_out, missing = _units(report, asked, preferred, known)
    if not units:
        raise UsageError("no unit of these sites is among the compile commands: nothing can be compiled")
    with tempfile.TemporaryDirectory(prefix="ptregs-prove-", ignore_cleanup_errors=True) as directory:
        scratch = Path(directory).resolve()
        overlay = make_overlay(units, run.layout, proposal, arch, tree.root, scratch)
        compilers = ", ".join(sorted({u.compiler for u in units}))
        say(f"runs the tree's compiler ({compilers}) twice for each unit; units: {len(units)}")
        where = build.directory if build else tree.root
        bench = Bench(overlay, tree.root, where, scratch, request.limits)
        found = [*missing, *prove_units(units, bench, request.jobs, progress or (lambda *_: None))]
    found.sort(key=lambda p: p.unit.object)
    judged = judge(report, proposal.id, asked, found)
    lost = tuple(p for p in found if p.undecided)
    return Proved(proposal.id, judged, len(units), lost, left_out, _with_evidence(report, judged, proposal.id))


def _build(request: ProveRequest, tree: Tree, run: Run) -> Build | None:
    """The build that the report was made from: another configuration has other code."""
    if request.build is None and not (tree.root / ".config").is_file():
        if request.compdb:
            return None
        raise UsageError("a report does not say which build it was made from: give --build or --compdb")
    build = open_build(tree, request.build, archs.by_id(run.target.arch))
    if run.target.config and build.fingerprint != run.target.config:
        problem = f"configuration {build.fingerprint}, but the report was made from {run.target.config}"
        raise InputError(str(build.directory), problem, f"audit again, or {PREPARE_HINT}")
    return build


def _asked(request: ProveRequest, report: Report) -> tuple[frozenset[str], frozenset[str] | None]:
    """The sites, and the objects to look at for them first; None: at all that hold one. What was read as text is
    compiled by no unit, and asked for by its id only.

    UsageError: a glob that nothing matches.
    """
    compiled = {s.id: s for s in report.sites if s.site.evidence != "syntactic"}
    if not request.sites and not request.files:
        return frozenset(compiled), None
    sites, objects = set(request.sites), set()
    for pattern in request.files:
        entries = [e for e in report.functions if path_matches(e.unit, pattern)]
        named = {i for i, s in compiled.items() if path_matches(s.site.file, pattern)}
        named |= {i for e in entries for i in e.sites}
        if not named and any(path_matches(s.site.file, pattern) for s in report.sites):
            raise UsageError(f"--file {pattern}: what lies there was read as text, which no proof compiles")
        if not named:
            raise UsageError(f"--file {pattern}: no site of the report lies there, and none is compiled there")
        sites |= named
        objects |= {e.object for e in entries}
    return frozenset(sites), frozenset(objects)


def _units(
    report: Report, asked: frozenset[str], preferred: frozenset[str] | None, known: dict[str, Unit]
) -> tuple[list[Unit], int, list[UnitProof]]:
    """Units that hold the sites, how many more there are, and those without a command."""
    holding: dict[str, set[str]] = defaultdict(set)
    sources: dict[str, str] = {}
    for entry in report.functions:
        sources[entry.object] = entry.unit
        for site in asked.intersection(entry.sites):
            holding[site].add(entry.object)
    for judged in report.sites:
        # What stands outside of any function belongs to the units of its file.
        if judged.id in asked and judged.id not in holding:
            holding[judged.id].update(o for o, unit in sources.items() if unit == judged.site.file)
    every = {o for objects in holding.values() for o in objects}
    chosen = every if preferred is None else every & preferred
    for objects in sorted(holding.values(), key=len):
        if not objects & chosen:
            chosen = chosen.union(sorted(objects)[:PER_SITE])
    missing = [
        UnitProof(Unit(sources[o], o, "", ()), undecided="has no compile command any more")
        for o in sorted(chosen - known.keys())
    ]
    return [known[o] for o in sorted(chosen & known.keys())], len(every - chosen), missing


def _with_evidence(report: Report, judged: Judged, proposal: str) -> Report:
    proofs = {p.site: p for p in judged.proofs}
    return replace(report, sites=tuple(_proved(s, proofs.get(s.id), proposal) for s in report.sites))


def _proved(judged: JudgedSite, proof: Proof | None, proposal: str) -> JudgedSite:
    """`proved` where verdict and compiler agree; what was seen stands beside the place, also where they do not."""
    if proof is None or proof.outcome is Outcome.UNDECIDED:
        return judged
    word = "contradicted" if proof.contradiction else "proved" if proof.decides else "seen"
    note = Related(judged.site.file, judged.site.line, f"{word} for {proposal}: {proof.outcome.value}: {proof.why}")
    evidence = "proved" if proof.decides and not proof.contradiction else judged.site.evidence
    return replace(judged, site=replace(judged.site, evidence=evidence, related=(*judged.site.related, note)))


def find_sites(report: Report, ids: Sequence[str], shortest: int, path: str) -> frozenset[str]:
    """Whole ids or their unmistakable beginnings. UsageError names the one that is neither."""
    found = set()
    for text in ids:
        like = [s.id for s in report.sites if s.id == text or (len(text) >= shortest and s.id.startswith(text))]
        exact = [text] if text in like else like
        if len(exact) != 1:
            problem = (
                f"stands for {len(exact)} findings: give more of the id" if exact else "is not the id of a finding"
            )
            raise UsageError(f"{text!r} {problem} in {path}")
        found.add(exact[0])
    return frozenset(found)
