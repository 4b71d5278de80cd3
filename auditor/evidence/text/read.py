# SPDX-License-Identifier: GPL-2.0-only
"""Texts to sites, without any build: what a hook or a diff asks, and what an audit asks of files that no unit covers.

A text that cannot be read, or that is over a limit, is one problem by name and costs nothing more.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from auditor import arch as archs
from auditor.evidence.text.asm import read_assembly
from auditor.evidence.text.cfile import read_c
from auditor.evidence.text.context import Surroundings
from auditor.evidence.text.declared import Declared, declared
from auditor.evidence.text.leads import Leads
from auditor.evidence.text.parsing import TooMuch, refuse
from auditor.evidence.text.types import Known, Names
from auditor.evidence.text.words import of_arch, shipped
from auditor.interfaces import shipped as interfaces
from auditor.model import Failure, Site

C_SUFFIXES = frozenset({".c", ".h", ".inl", ".inc"})
ASSEMBLY_SUFFIXES = frozenset({".S", ".s"})
# Directories below arch/ and tools/testing/selftests/ that are architectures.
ARCHITECTURES = frozenset(
    {
        "alpha", "arc", "arm", "arm64", "avr32", "blackfin", "c6x", "cris", "csky", "frv", "h8300", "hexagon", "ia64",
        "loongarch", "m32r", "m68k", "metag", "microblaze", "mips", "mn10300", "nds32", "nios2", "openrisc", "parisc",
        "powerpc", "riscv", "s390", "score", "sh", "sparc", "tile", "um", "unicore32", "x86", "xtensa",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """What one file gave. `problem`: why it was not read to its end; empty if it was."""

    sites: tuple[Site, ...] = ()
    problem: str = ""


def is_source(path: str) -> bool:
    return posixpath.splitext(path)[1] in C_SUFFIXES | ASSEMBLY_SUFFIXES


class Reader:
    """`known`: what the tree declares besides the file that is read."""

    def __init__(self, struct: str, arch: str, known: Known | None = None) -> None:
        words, own = shipped(), of_arch(arch)
        described = archs.for_struct(arch, struct)
        default = struct == archs.by_id(arch).struct
        images = words.images | described.frozen if default else frozenset()
        self.names = Names(
            frozenset({struct}) | (words.aliases if default else frozenset()),
            words.kin if default else frozenset(),
            images,
        )
        self._around = Surroundings(described, own, words, interfaces(), ARCHITECTURES)
        self._known = known or Known()
        self._leads = Leads(self._around, self.names, self._known)

    def read(self, path: str, data: bytes) -> Text:
        """Never raises for what a text holds."""
        if problem := refuse(data):
            return Text(problem=problem)
        if posixpath.splitext(path)[1] in ASSEMBLY_SUFFIXES:
            sites = self._assembly(path, data)
        else:
            try:
                sites = read_c(path, data, self._around, self.names, self._known, self._leads)
            except TooMuch as e:
                return Text(problem=str(e))
            if path.endswith(".h"):
                # Headers for assembly define its offsets.
                sites += [s for s in self._assembly(path, data) if s.kind == "asm-literal"]
        return Text(tuple(sorted(sites, key=lambda s: (s.line, s.column, s.rule))))

    def _assembly(self, path: str, data: bytes) -> list[Site]:
        return read_assembly(path, data, self._around, self.names, self._known)

    def declares(self, data: bytes) -> Declared:
        plain = self.names.target & shipped().aliases
        return declared(data, self.names.target - plain, plain, shipped().relocated_headers)


def known_of(declared_by: Mapping[str, Declared]) -> Known:
    """From {path: what it declares}."""
    members: dict[tuple[str, str], int] = {}
    yields: set[str] = set()
    for one in declared_by.values():
        members.update({(holder, member): pointers for holder, member, pointers in one.members})
        yields.update(one.yields)
    return Known(members, frozenset(yields), frozenset(path for path, one in declared_by.items() if one.relocates))


def read_texts(
    files: Iterable[tuple[str, bytes]], struct: str, arch: str, known: Known | None = None
) -> tuple[list[Site], list[Failure]]:
    """Sites of files given by path (relative to a tree, with `/`) and content, and what could not be read.

    Without `known`, what these files declare to each other is what is known.
    """
    whole = [(path, data) for path, data in files if is_source(path)]
    reader = Reader(struct, arch)
    if known is None:
        known = known_of({path: reader.declares(data) for path, data in whole if not refuse(data)})
    reader = Reader(struct, arch, known)
    sites: list[Site] = []
    problems: list[Failure] = []
    for path, data in whole:
        text = reader.read(path, data)
        sites += text.sites
        if text.problem:
            problems.append(Failure(path, f"not read as text: {text.problem}"))
    return sites, problems
