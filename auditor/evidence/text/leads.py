# SPDX-License-Identifier: GPL-2.0-only
"""Which functions and macros of a file can hold a site at all: each form writes, in one body, a name that is known by
itself, one that the tree declares, or one that the file made of such before. The others, nine of ten, need no walk.
Declarations outside of functions are no matter of this: what they declare may be cast in a body that writes a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from auditor.evidence.text.context import Context, Surroundings
from auditor.evidence.text.types import TARGET, Known, Names

_WORD = re.compile(rb"[A-Za-z_]\w*")
_ASSEMBLY = ("asm", "__asm__", "__asm")
_OFFSETS = ("OFFSET",)


class Leads:
    """For all files of one reading."""

    def __init__(self, around: Surroundings, names: Names, known: Known) -> None:
        words = around.words
        declared = {holder for holder, _ in known.members}
        self.types = names.images | words.holders.keys() | words.unwind.hint_types | words.unwind.frame_types | declared
        """Types, besides the struct, whose variables lead to a site."""
        always = {*self.types, *names.target, *names.kin, *_of_arch(around), *_of_interfaces(around), *known.yields}
        always |= {*words.yields, *words.image_calls, *words.bpf.loads, *words.bpf.relocating, *words.bpf.entry}
        always |= {*words.bpf.exit, *_ASSEMBLY, *_OFFSETS, *(member for _, member in known.members)}
        self._always = frozenset(w.encode() for w in always)
        flavours = (name + words.bpf.flavour for name in names.target)
        begins = (*words.bpf.accessors, *words.unwind.hint_prefix, *words.ids, *flavours)
        self._begins = re.compile(rb"\b(?:" + b"|".join(re.escape(b.encode()) for b in begins) + rb")")

    def lead(self, text: bytes, made: Iterable[str] = ()) -> bool:
        """`made`: names that the file made so far."""
        found = set(_WORD.findall(text))
        if not found.isdisjoint(self._always) or not found.isdisjoint(name.encode() for name in made):
            return True
        return self._begins.search(text) is not None

    def made(self, ctx: Context) -> Iterator[str]:
        """Names that are what leads, from here to the end of the file."""
        holders = {holder for (holder, _) in ctx.scope.members}
        yield from holders
        yield from (member for _, member in ctx.scope.members)
        for name, kind in ctx.scope.of_file():
            if kind.tag == TARGET or kind.tag in self.types or kind.tag in holders:
                yield name
        yield from (*ctx.scope.yields, *ctx.scope.stray, *ctx.below, *ctx.macros)


def _of_arch(around: Surroundings) -> Iterator[str]:
    arch = around.arch
    yield from (*arch.accessors, *arch.by_number, *arch.stack_calls, *arch.stack_tops, *around.own.assembly_names)


def _of_interfaces(around: Surroundings) -> Iterator[str]:
    faces = around.interfaces
    yield from (*faces.register_image, *faces.bpf_run, *faces.entry_macros, *faces.unwind_types)
