# SPDX-License-Identifier: GPL-2.0-only
"""Two layouts side by side."""

from __future__ import annotations

from collections.abc import Iterator

from tabulate import tabulate

from auditor.layouts.pairs import Pair, pairs
from auditor.layouts.text import escape
from auditor.model import Field, Layout


def render_diff(before: Layout, after: Layout) -> str:
    """A table of every member: old offset, new offset, shift in bytes, what changed; then a line on the size.

    Members stand in the order of the new layout, removed ones where they used to be. Ends without a newline.
    """
    rows = [
        [_name(p), _offset(p.before), _offset(p.after), _shift(p), ", ".join(_marks(p))] for p in pairs(before, after)
    ]
    table = tabulate(rows, ["member", "old", "new", "shift", "change"], disable_numparse=True, colalign=_ALIGN)
    return f"{escape(_title(before, after))}\n{table}\n{_size(before, after)}"


_ALIGN = ("left", "right", "right", "right", "left")


def _title(before: Layout, after: Layout) -> str:
    return f"struct {before.struct}: {before.source or 'before'} -> {after.source or 'after'}"


def _name(pair: Pair) -> str:
    field = pair.after or pair.before
    return escape(field.name) if field is not None else ""


def _offset(field: Field | None) -> str:
    if field is None:
        return "-"
    return f"{field.offset}" if field.bit_offset is None else f"{field.offset}:{field.bit_offset}"


def _shift(pair: Pair) -> str:
    if pair.before is None or pair.after is None:
        return ""
    moved = pair.after.offset - pair.before.offset
    return f"{moved:+}" if moved else ""


def _marks(pair: Pair) -> Iterator[str]:
    old, new = pair.before, pair.after
    if old is None and new is not None:
        yield f"added ({new.size} bytes, {escape(new.type)})"
    elif new is None and old is not None:
        yield f"removed ({old.size} bytes)"
    elif old is not None and new is not None:
        if old.size != new.size:
            yield f"resized {old.size} -> {new.size}"
        if old.type != new.type:
            yield f"retyped {escape(old.type)} -> {escape(new.type)}"
        if (old.bit_offset, old.bit_size) != (new.bit_offset, new.bit_size):
            yield f"bits {_bits(old)} -> {_bits(new)}"


def _bits(field: Field) -> str:
    return "none" if field.bit_size is None else f"{field.bit_offset}+{field.bit_size}"


def _size(before: Layout, after: Layout) -> str:
    change = f" ({after.size - before.size:+})" if after.size != before.size else ""
    aligned = f", align: {before.align} -> {after.align}" if after.align != before.align else ""
    return f"size: {before.size} -> {after.size}{change}{aligned}"
