# SPDX-License-Identifier: GPL-2.0-only
"""Who depends on the struct outside of the changed files: for a change of the layout itself, everybody.

From the facts of the last audit if they are there, else from the text of the newer version: the sources that name the
struct, other architectures left out, whose struct is another one.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from auditor.arch import Arch
from auditor.change.relevant import is_source
from auditor.change.surroundings import Side
from auditor.evidence.text.parsing import refuse
from auditor.evidence.text.read import ARCHITECTURES, Reader, known_of
from auditor.kernel.texts import printable
from auditor.leading import words_of
from auditor.model import Facts, Failure, Site

_MOST = 4000
"""Files that are read; a kernel has some 1,500 of one architecture that name the struct."""


@dataclass(frozen=True, slots=True)
class Consumers:
    """`note`: where they were looked for, and how far."""

    sites: Sequence[Site]
    failures: Sequence[Failure]
    note: str


def from_facts(facts: Facts, changed: Collection[str], when: str) -> Consumers:
    sites = [s for s in facts.sites if s.file not in changed]
    return Consumers(sites, (), f"the layout changes: {len(sites)} places outside of the change are known {when}")


def from_text(side: Side, changed: Collection[str], struct: str, arch: Arch) -> Consumers:
    names = _naming(side, struct, arch)
    paths = [p for p in names if p not in changed]
    texts = side.read(paths[:_MOST])
    plain = Reader(struct, arch.id)
    usable = {p: d for p, d in texts.items() if not refuse(d)}
    reader = Reader(struct, arch.id, known_of({p: plain.declares(d) for p, d in usable.items()}))
    sites: list[Site] = []
    failures: list[Failure] = []
    for path, data in texts.items():
        text = reader.read(printable(path), data)
        sites += text.sites
        if text.problem and text.problem != "binary":
            failures.append(Failure(printable(path), f"not read as text: {text.problem}"))
    left = f"; {len(paths) - _MOST} files were not read" if len(paths) > _MOST else ""
    note = f"the layout changes: {len(texts)} files outside of the change name the struct and were read by their text"
    return Consumers(sites, failures, note + left)


def _naming(side: Side, struct: str, arch: Arch) -> list[str]:
    """The sources of this version that name the struct, by path."""
    words = [a for w in words_of(struct, arch) for a in ("-e", w)]
    version = [side.name] if side.name else []
    where = [] if side.name else ["--cached"]
    answer = side.repository.ask("grep", "-l", "-z", "-I", "-F", "--no-textconv", *where, *words, *version, "--")
    start = f"{side.name}:" if side.name else ""
    names = [os.fsdecode(n).removeprefix(start) for n in answer.out.split(b"\0") if n]
    own = [n.removeprefix(side.prefix) for n in names if n.startswith(side.prefix)]
    return [n for n in sorted(own) if is_source(n) and not _foreign(n, arch)]


def _foreign(path: str, arch: Arch) -> bool:
    top, _, rest = path.partition("/")
    name = rest.partition("/")[0]
    return top == "arch" and name != arch.directory and name in ARCHITECTURES
