# SPDX-License-Identifier: GPL-2.0-only
"""A layout as text, in the form that pahole made familiar."""

from __future__ import annotations

from auditor.layouts.spelling import declare
from auditor.model import Field, Layout

CACHELINE = 64
"""Bytes; the value pahole assumes too."""
_WIDTH = 40


def escape(text: str) -> str:
    """Text from a file that is not trusted: control, format and surrogate characters as \\x.. or \\u...."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def render(layout: Layout) -> str:
    """The struct as C with `/* offset size */` (bytes; `offset:bit` for bit-fields), holes, padding and cache lines.

    Members of unnamed unions are listed one after the other, at the same offset. Ends without a newline.
    """
    lines = [f"{_tag(layout.struct)} {{"]
    end = boundary = holes = hole_bytes = 0
    for field in layout.fields:
        if field.offset > end:
            holes, hole_bytes = holes + 1, hole_bytes + field.offset - end
            lines += ["", f"\t/* XXX {_bytes(field.offset - end)} hole, try to pack */", ""]
        line = field.offset // CACHELINE
        if line > boundary:
            boundary = line
            lines.append("\t" + _boundary(line, field.offset - line * CACHELINE))
        lines.append("\t" + _member(field))
        end = max(end, field.offset + field.size)
    lines += ["", f"\t/* size: {layout.size}, cachelines: {_lines(layout.size)}, members: {len(layout.fields)} */"]
    if holes:
        lines.append(f"\t/* sum members: {end - hole_bytes}, holes: {holes}, sum holes: {hole_bytes} */")
    if layout.size > end:
        lines.append(f"\t/* padding: {layout.size - end} */")
    if layout.size % CACHELINE:
        lines.append(f"\t/* last cacheline: {layout.size % CACHELINE} bytes */")
    return "\n".join([*lines, "};"])


def _tag(struct: str) -> str:
    return f"struct {escape(struct)}"


def _bytes(count: int) -> str:
    return f"{count} byte{'' if count == 1 else 's'}"


def _lines(size: int) -> int:
    return -(-size // CACHELINE)


def _boundary(line: int, past: int) -> str:
    ago = f" was {past} bytes ago" if past else ""
    return f"/* --- cacheline {line} boundary ({line * CACHELINE} bytes){ago} --- */"


def _member(field: Field) -> str:
    text = escape(declare(field.type, field.name))
    if field.bit_size is None:
        return f"{text + ';':<{_WIDTH}} /* {field.offset:5} {field.size:5} */"
    return f"{f'{text}:{field.bit_size};':<{_WIDTH}} /* {field.offset:5}:{field.bit_offset:2} {field.size:2} */"
