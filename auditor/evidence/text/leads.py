# SPDX-License-Identifier: GPL-2.0-only
"""Which functions and macros of a file can hold a site at all: each form writes, in one body, a name that is known by
itself, one that the tree declares, or one that the file made of such before. The others, nine of ten, need no walk.
Declarations outside of functions are no matter of this: what they declare may be cast in a body that writes a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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

    def lead(self, text: bytes, ctx: Context | None = None) -> bool:
        """`ctx`: what the file said so far."""
        found = frozenset(_WORD.findall(text))
        if not found.isdisjoint(self._always) or self._begins.search(text) is not None:
            return True
        return ctx is not None and self._is_made(frozenset(w.decode() for w in found), ctx)

    def _is_made(self, words: frozenset[str], ctx: Context) -> bool:
        """One of the words is what the file made of names that lead. Each is looked up, so that no text costs more than
        its length."""
        scope = ctx.scope
        made = (scope.held, scope.yields, scope.stray.keys(), ctx.below, ctx.macros.keys())
        if not all(words.isdisjoint(names) for names in made):
            return True
        kinds = (kind for word in words if (kind := scope.of_file(word)) is not None)
        return any(k.tag == TARGET or k.tag in self.types or k.tag in scope.held for k in kinds)


def _of_arch(around: Surroundings) -> Iterator[str]:
    arch = around.arch
    yield from (*arch.accessors, *arch.by_number, *arch.stack_calls, *arch.stack_tops, *around.own.assembly_names)


def _of_interfaces(around: Surroundings) -> Iterator[str]:
    faces = around.interfaces
    yield from (*faces.register_image, *faces.bpf_run, *faces.entry_macros, *faces.unwind_types)
