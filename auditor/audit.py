# SPDX-License-Identifier: GPL-2.0-only
"""One audit from a tree to a report: units -> sites -> judgements."""

from __future__ import annotations

import re
from pathlib import Path

from auditor import arch as archs
from auditor import libclang
from auditor.arch import Arch
from auditor.collect import AuditRequest, Progress, collect
from auditor.errors import InputError, UsageError
from auditor.facts.store import Store
from auditor.files import head
from auditor.gate.fingerprint import assign_ids
from auditor.judge import rules
from auditor.judge.verdicts import judge
from auditor.kernel.discover import discover
from auditor.kernel.flags import clang_arguments
from auditor.kernel.mentions import Words, candidates
from auditor.kernel.tree import Build, Tree, open_build, open_tree
from auditor.layouts.btf_data import is_btf
from auditor.layouts.c import layout_from_source
from auditor.layouts.effects import effects, effects_between
from auditor.layouts.proposals import load_all, resolve_all
from auditor.layouts.read import read_layout
from auditor.model import (
    Effects,
    FunctionEntry,
    JudgedSite,
    Layout,
    Proposal,
    Report,
    Run,
    Target,
)

_ELF = b"\x7fELF"


def run_audit(request: AuditRequest, progress: Progress | None = None, store: Store | None = None) -> Report:
    """Raises AuditorError for bad input; units that cannot be read are in the report's coverage."""
    arch = archs.by_id(request.arch)
    libclang.use(request.libclang)
    tree = open_tree(request.tree)
    in_place = request.build is None and not (tree.root / ".config").is_file()
    build = None if in_place and request.compdb else open_build(tree, request.build, arch)
    facts = collect(request, tree, build, arch, progress or (lambda *_: None), store=store)
    asked = _proposals(request, tree, build, arch, facts.layout)
    verdicts = judge(facts.sites, rules.by_id(), asked)
    ids = assign_ids(facts.sites)
    target = Target(
        struct=request.struct,
        arch=arch.id,
        tree=str(request.tree),
        version=tree.version,
        config=build.fingerprint if build else "",
        filters=dict(request.filters),
    )
    return Report(
        runs=(Run(0, target, facts.layout, facts.coverage),),
        proposals=tuple(asked),
        sites=tuple(JudgedSite(i, 0, s, v) for i, s, v in zip(ids, facts.sites, verdicts, strict=True)),
        functions=tuple(
            FunctionEntry(0, u.source, u.object, name, tuple(ids[i] for i in indices))
            for u, name, indices in facts.functions
        ),
    )


def _proposals(
    request: AuditRequest, tree: Tree, build: Build | None, arch: Arch, layout: Layout
) -> list[tuple[Proposal, Effects]]:
    asked: tuple[Proposal, ...] = ()
    if request.proposals:
        asked = resolve_all(request.proposals, arch.id)
    elif request.after is None:
        if request.struct != arch.struct:
            raise UsageError(
                f"the shipped proposals change {arch.struct}; name one for {request.struct} with --proposal"
            )
        asked = tuple(load_all(arch.id).values())
    judged = [(p, effects(layout, p)) for p in asked]
    if request.after is not None:
        judged.append(_after(request, tree, build, arch, layout, *request.after))
    return judged


def _after(
    request: AuditRequest, tree: Tree, build: Build | None, arch: Arch, layout: Layout, side: str, path: str
) -> tuple[Proposal, Effects]:
    """The layout of --after-header, --after-btf or --after-tree as a proposal."""
    start = b"" if side == "tree" else head(path, 4096)
    if side == "btf":
        if not (is_btf(start) or start.startswith(_ELF)):
            raise InputError(path, "is neither ELF nor BTF", "--after-btf takes an object, an image or raw BTF")
        after = read_layout(path, request.struct, arch.id)
    else:
        commands = discover(tree, build, request.compdb)
        named = candidates(commands.units, Words((request.struct,)))
        if not named:
            raise UsageError(f"--after-{side}: no unit names struct {request.struct} whose flags could be used")
        unit = named[0]
        arguments = clang_arguments(unit, arch, roots=(tree.root,)).arguments
        # libclang is told to work in the build directory.
        source = str(Path(path).absolute())
        if b"\0" in start:
            raise InputError(path, "is not C", "--after-header takes C, --after-btf what is compiled")
        if side == "tree":
            other = open_tree(Path(path)).root
            root = re.compile(re.escape(str(tree.root)) + r"(?=/|$)")
            arguments = tuple(root.sub(lambda _: str(other), a) for a in arguments)
            source = str(other / f"arch/{arch.directory}/include" / arch.twin_header)
        try:
            after = layout_from_source(source, request.struct, arch.id, arguments)
        except InputError as e:
            raise InputError(e.path, e.problem, f"it is parsed with the flags of {unit.source}") from e
    title = f"struct {request.struct} as in {path}"
    proposal = Proposal(f"after-{side}", title, title, (), edits=("struct",), source=path)
    return proposal, effects_between(layout, after)
