# SPDX-License-Identifier: GPL-2.0-only
"""One unit alone, as a build comes by it: from its command to a report. Nothing is cached.

What only other units tell is not known here: whether a function that is called elsewhere hands the struct on, and
which ignores of a header are unused. An audit of the tree knows.
"""

from __future__ import annotations

from dataclasses import replace

from auditor.answer import answer
from auditor.arch import Arch
from auditor.errors import IncompleteError
from auditor.evidence.pool import analyse_all
from auditor.files import read_bounded
from auditor.jobs import make_jobs
from auditor.kernel.checked import Checked
from auditor.kernel.closure import Leading
from auditor.kernel.ignores import ignores_in
from auditor.kernel.units import source_path
from auditor.kinds.dispatch import table
from auditor.merge import from_build, merge
from auditor.model import Asked, Coverage, Facts, Ignore, Report, Target

_LARGEST = 8 << 20


def run_check(asked: Asked, given: Checked, leading: Leading, struct: str, arch: Arch, library: str | None) -> Report:
    """The sites that are code of this unit's object, judged. IncompleteError: the unit cannot be analysed."""
    unit, tree = given.unit, given.tree
    jobs = make_jobs((unit,), struct, tree, arch)
    # In a process of its own: what libclang does to itself may not stop a build.
    (result,) = analyse_all(jobs, 1, table(), library, lambda *_: None, leading)
    if result.error:
        raise IncompleteError(f"{unit.source}: not analysed: {result.error.removeprefix(f'{tree.root}/')}")
    target = Target(struct, arch.id, str(tree.root), tree.version, "")
    if result.layout is None:
        # It names the struct, and nothing of it is known: there is nothing that could depend on its layout.
        raise IncompleteError(f"{unit.source}: not analysed: struct {struct} is not defined in it")
    merged, functions = merge({unit.object: result}, {unit.object: unit})
    sites = [from_build(s, f"{unit.directory}/") for s in merged]
    facts = Facts(
        layout=result.layout,
        sites=tuple(sites),
        functions=tuple((u.source, u.object, name, indices) for u, name, indices in functions),
        coverage=Coverage(1, 1),
        ignores=_ignores(given, sorted({s.file for s in sites})),
    )
    report = answer(facts, target, asked)
    # What is code of this object; all equal ones of a file had to be there to tell them apart.
    own = (bool(f.functions) or f.site.file == unit.source for f in result.found)
    kept = tuple(judged for judged, is_own in zip(report.sites, own, strict=True) if is_own)
    return replace(report, sites=kept)


def _ignores(given: Checked, files: list[str]) -> tuple[Ignore, ...]:
    """Those of the source, and those that speak of the sites in headers."""
    source = given.unit.source
    found: list[Ignore] = []
    for file in dict.fromkeys((source, *files)):
        path = source_path(given.unit) if file == source else given.tree.root / file
        try:
            data = read_bounded(str(path), _LARGEST)
        except (OSError, ValueError):
            continue
        noted = ignores_in(str(path), data)
        found += (Ignore(file, n.line, n.lines, n.below, n.rules, n.reason, n.malformed) for n in noted)
    return tuple(found)
