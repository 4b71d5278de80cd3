# SPDX-License-Identifier: GPL-2.0-only
"""Placing members again after a struct was edited, as a C compiler would.

A `Layout` does not record the alignment of each member, nor which ones overlap in a union. Both follow from the
offsets: members that share bytes move as one rigid block, and a block's alignment is its natural one as far as its
offset agrees. What natural alignment does not explain (explicit alignment, unnamed bit-fields) stays as a gap before
the block, so that a struct to which nothing is done is not changed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from auditor.model import Field, Layout

MAX_SCALAR = 16
"""Bytes; no C scalar is aligned to more."""
_LENGTH = re.compile(r"\[(\d*)\]")


@dataclass(frozen=True, slots=True)
class Block:
    """Members that overlap, directly or through others. Their offsets count from the block's start."""

    fields: tuple[Field, ...]
    size: int
    align: int
    gap: int = 0
    """Bytes before it, after alignment, that alignment does not explain."""

    def has(self, name: str) -> bool:
        return any(f.name == name for f in self.fields)


@dataclass(frozen=True, slots=True)
class Shape:
    """A struct as a sequence of blocks. `floor`: alignment that the members do not explain; `tail`: so for the end."""

    blocks: tuple[Block, ...]
    floor: int = 1
    tail: int = 0
    packed: bool = False


def natural_align(field: Field) -> int:
    """In bytes, from size and type; of an array, the element's. A struct counts as a scalar of its size: not more."""
    size = field.size
    if "(*" not in field.type:
        for length in _LENGTH.findall(field.type):
            size //= max(int(length or 0), 1)
    return min(size & -size, MAX_SCALAR) if size else 1


def block_of(fields: Sequence[Field], packed: bool, limit: int = MAX_SCALAR) -> Block:
    """A block of these members, offsets from its start. Its alignment in bytes is natural, but at most `limit`."""
    align = 1 if packed else min(max(natural_align(f) for f in fields), limit)
    return Block(tuple(fields), max(f.offset + f.size for f in fields), align)


def shape_of(layout: Layout) -> Shape:
    """The blocks of a layout, with gaps such that `place` gives the same offsets again."""
    packed = layout.align == 1 and any(natural_align(f) > 1 for f in layout.fields)
    blocks: list[Block] = []
    end = 0
    for group in _groups(layout.fields):
        start = min(f.offset for f in group)
        block = block_of([replace(f, offset=f.offset - start) for f in group], packed, layout.align)
        align = _align_that_explains(block.align, layout.align, start, end)
        blocks.append(replace(block, align=align, gap=start - _up(end, align)))
        end = start + block.size
    explained = max((b.align for b in blocks), default=1)
    floor = layout.align if layout.align > explained else 1
    return Shape(tuple(blocks), floor, layout.size - _up(end, max(floor, explained)), packed)


def place(layout: Layout, shape: Shape) -> Layout:
    """The layout of the blocks in their order. `layout` gives name, architecture and source."""
    fields: list[Field] = []
    end = 0
    for block in shape.blocks:
        start = _up(end, block.align) + block.gap
        fields += (replace(f, offset=f.offset + start) for f in block.fields)
        end = start + block.size
    align = max((b.align for b in shape.blocks), default=1)
    align = max(align, shape.floor)
    return replace(layout, size=_up(end, align) + shape.tail, align=align, fields=tuple(fields))


def _groups(fields: Sequence[Field]) -> list[list[Field]]:
    """Members in declaration order, those of one union (at any depth) together.

    A member that starts before an earlier one ends shares a union with it, and with all declared between them.
    """
    groups: list[list[Field]] = []
    ends: list[int] = []
    for field in fields:
        group, end = [field], field.offset + field.size
        while groups and field.offset < ends[-1]:
            group, end = groups.pop() + group, max(end, ends.pop())
        groups.append(group)
        ends.append(end)
    return groups


def _align_that_explains(natural: int, largest: int, start: int, end: int) -> int:
    """The alignment nearest to the natural one that puts a block, after one that ends at `end`, at `start`."""
    align = natural
    while align > 1 and (start % align or _up(end, align) > start):
        align //= 2
    wider = align
    while _up(end, wider) < start and wider < largest:
        wider *= 2
    return wider if _up(end, wider) == start else align


def _up(value: int, align: int) -> int:
    return -(-value // align) * align
