# SPDX-License-Identifier: GPL-2.0-only
"""The cheap half of an audit: from facts to a report. It reads nothing of the tree, whatever is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from auditor import arch as archs
from auditor.arch import Arch
from auditor.errors import InputError, UsageError
from auditor.files import head
from auditor.gate.fingerprint import assign_ids
from auditor.judge import rules
from auditor.judge.verdicts import judge
from auditor.layouts.effects import effects, effects_between
from auditor.layouts.proposals import load_all, resolve_all
from auditor.model import (
    Asked,
    Effects,
    Facts,
    FunctionEntry,
    JudgedSite,
    Proposal,
    Report,
    Run,
    Target,
)

_ELF = b"\x7fELF"


def answer(facts: Facts, target: Target, asked: Asked) -> Report:
    """Raises AuditorError for a proposal that does not fit, or an "after" that cannot be read."""
    return judged(facts, target, proposals_of(facts, archs.by_id(target.arch), asked))


def judged(facts: Facts, target: Target, proposals: Sequence[tuple[Proposal, Effects]]) -> Report:
    """The report of these proposals, whose effects are those on the layout of the facts."""
    known = rules.by_id()
    verdicts = judge(facts.sites, known, proposals)
    ids = assign_ids(facts.sites)
    return Report(
        runs=(Run(0, target, facts.layout, facts.coverage),),
        proposals=tuple(proposals),
        sites=tuple(JudgedSite(i, 0, s, v) for i, s, v in zip(ids, facts.sites, verdicts, strict=True)),
        functions=tuple(
            FunctionEntry(0, source, object_, name, tuple(ids[i] for i in indices))
            for source, object_, name, indices in facts.functions
            if any(known[facts.sites[i].rule].in_code for i in indices)
        ),
        ignores=facts.ignores,
    )


def proposals_of(facts: Facts, arch: Arch, asked: Asked) -> list[tuple[Proposal, Effects]]:
    """What is asked for, and what it does to the layout of the facts. Raises as `answer`."""
    struct = facts.layout.struct
    chosen: tuple[Proposal, ...] = ()
    if asked.proposals:
        chosen = resolve_all(asked.proposals, arch.id)
    elif asked.after is None:
        if struct != arch.struct:
            raise UsageError(f"the shipped proposals change {arch.struct}; name one for {struct} with --proposal")
        chosen = tuple(load_all(arch.id).values())
    found = [(p, effects(facts.layout, p)) for p in chosen]
    if asked.after is not None:
        found.append(_after(facts, arch, *asked.after))
    return found


def _after(facts: Facts, arch: Arch, side: str, path: str) -> tuple[Proposal, Effects]:
    """The layout of --after-header, --after-btf or --after-tree as a proposal."""
    struct = facts.layout.struct
    start = b"" if side == "tree" else head(path, 4096)
    if side == "btf":
        from auditor.layouts.btf_data import is_btf
        from auditor.layouts.read import read_layout

        if not (is_btf(start) or start.startswith(_ELF)):
            raise InputError(path, "is neither ELF nor BTF", "--after-btf takes an object, an image or raw BTF")
        after = read_layout(path, struct, arch.id)
    else:
        from auditor.kernel.tree import open_tree
        from auditor.layouts.c import layout_from_source

        example = facts.example
        if example is None:
            raise UsageError(f"--after-{side}: no unit names struct {struct} whose flags could be used")
        arguments = example.arguments
        # libclang is told to work in the build directory.
        source = str(Path(path).absolute())
        if b"\0" in start:
            raise InputError(path, "is not C", "--after-header takes C, --after-btf what is compiled")
        if side == "tree":
            other = open_tree(Path(path)).root
            root = re.compile(re.escape(example.root) + r"(?=/|$)")
            arguments = tuple(root.sub(lambda _: str(other), a) for a in arguments)
            source = str(other / f"arch/{arch.directory}/include" / arch.twin_header)
        try:
            after = layout_from_source(source, struct, arch.id, arguments)
        except InputError as e:
            raise InputError(e.path, e.problem, f"it is parsed with the flags of {example.source}") from e
    title = f"struct {struct} as in {path}"
    proposal = Proposal(f"after-{side}", title, title, (), edits=("struct",), source=path)
    return proposal, effects_between(facts.layout, after)
