# SPDX-License-Identifier: GPL-2.0-only
"""Units as what is asked of a worker."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from auditor.arch import Arch
from auditor.evidence.c.job import Job
from auditor.kernel.flags import clang_arguments
from auditor.kernel.tree import Tree
from auditor.kernel.units import source_path
from auditor.model import Unit


def make_jobs(selected: Iterable[Unit], struct: str, tree: Tree, arch: Arch) -> list[Job]:
    filled = asm_filled(tree, arch)
    jobs = []
    for unit in selected:
        arguments = clang_arguments(unit, arch, roots=(tree.root,)).arguments
        source = str(source_path(unit)) if Path(unit.source).is_absolute() else str(tree.root / unit.source)
        jobs.append(Job(source, unit.object, unit.directory, arguments, str(tree.root), struct, arch.id, filled))
    # The longest first, so that no worker starts a long one when the others are done.
    return sorted(jobs, key=lambda j: (-_size(j.source), j.object))


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def asm_filled(tree: Tree, arch: Arch) -> frozenset[str]:
    """Containers whose offsets assembly takes from a hand-written number in this tree, not from asm-offsets."""
    filled = set()
    headers = sorted((tree.root / "arch" / arch.directory / "include").rglob("*.h")) if arch.containers else []
    for container, macro in arch.containers.items():
        literal = re.compile(rf"^[ \t]*#[ \t]*define[ \t]+{re.escape(macro)}[ \t]+\(?[0-9]".encode(), re.M)
        if any(literal.search(text_of(h)) for h in headers):
            filled.add(container)
    return frozenset(filled)


def text_of(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError:
        return b""
