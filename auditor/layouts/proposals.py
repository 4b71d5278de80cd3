# SPDX-License-Identifier: GPL-2.0-only
"""Proposals: the shipped ones by id, users' own by path."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from auditor.data import read_toml, rules_dir
from auditor.errors import InputError, UsageError
from auditor.layouts import conflicts, proposal_schema
from auditor.model import Proposal

DEFAULT_ARCH = "x86_64"


def load(path: Path, arch_id: str = DEFAULT_ARCH) -> Proposal:
    """One proposal, with the operations that apply to the architecture (perhaps none).

    InputError names the file and the key that is wrong; README.md in rules/proposals describes them all.
    """
    proposal = proposal_schema.proposal(str(path), read_toml(path), arch_id)
    conflicts.check(str(path), proposal.operations)
    return proposal


def load_all(arch_id: str = DEFAULT_ARCH) -> dict[str, Proposal]:
    """{id: proposal} of the shipped proposals that say something about the architecture, sorted by id."""
    found = load_directory(rules_dir() / "proposals", arch_id)
    return {pid: proposal for pid, proposal in found.items() if proposal.operations}


def load_directory(directory: Path, arch_id: str = DEFAULT_ARCH) -> dict[str, Proposal]:
    """{id: proposal} of every *.toml there, sorted by id. InputError: two have one id."""
    return _by_id(load(path, arch_id) for path in sorted(directory.glob("*.toml")))


def resolve(name_or_path: str, arch_id: str = DEFAULT_ARCH) -> Proposal:
    """A shipped proposal by its id, or a user's own by the path of its file (with a `/` or ending in .toml).

    UsageError: no such id (the known ones are listed), or nothing in it for the architecture. InputError: a bad file.
    """
    if "/" in name_or_path or name_or_path.endswith(".toml"):
        proposal = load(Path(name_or_path), arch_id)
    else:
        known = load_directory(rules_dir() / "proposals", arch_id)
        if name_or_path not in known:
            near = difflib.get_close_matches(name_or_path, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UsageError(
                f"unknown proposal {name_or_path!r}; {hint}known: {', '.join(known)}; or give a .toml file"
            )
        proposal = known[name_or_path]
    if not proposal.operations:
        raise UsageError(f"proposal {proposal.id} ({proposal.source}) has no operation for {arch_id}")
    return proposal


def resolve_all(names_or_paths: Iterable[str], arch_id: str = DEFAULT_ARCH) -> tuple[Proposal, ...]:
    """As `resolve`, in the order given. InputError: two with one id, unless it is the same file twice."""
    return tuple(_by_id(resolve(n, arch_id) for n in dict.fromkeys(names_or_paths)).values())


def _by_id(proposals: Iterable[Proposal]) -> dict[str, Proposal]:
    found: dict[str, Proposal] = {}
    for proposal in proposals:
        other = found.setdefault(proposal.id, proposal)
        if other.source != proposal.source:
            raise InputError(proposal.source, f"id: {proposal.id!r} is also the id of {other.source}")
    return found
