# SPDX-License-Identifier: GPL-2.0-only
"""A drawing of the bytes around a site, before and after a proposal: one box per member, `>` on the site's bytes.

       before                    after
     +----------------+        +----------------+
   0 | bx             |      0 | (new)          |
     +----------------+        +----------------+
>  8 | ip             |   >  8 | bx             |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from auditor.model import Effects, Judgement, Layout, Site, Verdict
from auditor.terminal import printable

NAME = 16
NEIGHBOURS = 1
MAX_ROWS = 24

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Box:
    label: str
    lo: int
    hi: int


def picture(site: Site, effects: Effects, judgement: Judgement) -> list[str]:
    """The lines of the drawing; empty when the site names neither bytes nor members."""
    span = site.bytes or _extent(effects.before, site.fields)
    if span is None:
        return []
    left = _column(_boxes(effects.before, span, 0, 0), span)
    after_span = _span_after(site, effects, judgement, span)
    right = _column(_boxes(effects.after, after_span or span, effects.extension, effects.resize), after_span)
    width = max(map(len, left))
    rows = [(f"{'':10}before", f"{'':10}after"), *zip_longest(left, right, fillvalue="")]
    return [f"{a:<{width}}  {b}".rstrip() for a, b in rows]


def _extent(layout: Layout, names: Sequence[str]) -> Span | None:
    found = [f for f in layout.fields if f.name in names]
    return (min(f.offset for f in found), max(f.offset + f.size for f in found)) if found else None


def _span_after(site: Site, effects: Effects, judgement: Judgement, span: Span) -> Span | None:
    """Where the site's bytes are after the change: with its members if it follows a rebuild, else where they were.

    None: not known, because an order site counts from a member that the report does not name.
    """
    if judgement.verdict in (Verdict.SAFE, Verdict.REBUILD) and site.fields:
        return _extent(effects.after, site.fields)
    return None if site.kind == "order" else span


def _boxes(layout: Layout, span: Span, extension: int, resize: int) -> list[Box]:
    """The members around the span, with boxes for gaps, for what is new, and for what lies outside the struct."""
    lo, hi = span
    boxes = list(_members(layout, "(new)" if resize > 0 else "(padding)"))
    if lo < 0 or extension:
        boxes.insert(0, Box("(extension)" if extension else "(below)", min(lo, -8), 0))
    if hi > layout.size:
        boxes.append(Box("(past the end)", layout.size, hi))
    touched = [n for n, b in enumerate(boxes) if b.lo < hi and lo < b.hi]
    if not touched:
        return boxes[:MAX_ROWS]
    return boxes[max(touched[0] - NEIGHBOURS, 0) : touched[-1] + NEIGHBOURS + 1][:MAX_ROWS]


def _members(layout: Layout, gap: str) -> Iterator[Box]:
    """Members in order of their offsets; those that share bytes (unions, bit-fields) share a box."""
    end = 0
    merged: list[Box] = []
    for f in sorted(layout.fields, key=lambda f: (f.offset, -f.size)):
        if merged and f.offset < merged[-1].hi and f.size:
            last = merged[-1]
            merged[-1] = Box(f"{last.label}/{f.name}", last.lo, max(last.hi, f.offset + f.size))
        else:
            merged.append(Box(f.name, f.offset, f.offset + f.size))
    for box in merged:
        if box.lo > end:
            yield Box(gap, end, box.lo)
        yield box
        end = max(end, box.hi)
    if layout.size > end:
        yield Box(gap, end, layout.size)


def _column(boxes: Sequence[Box], span: Span | None) -> list[str]:
    edge = " " * 8 + "+" + "-" * (NAME + 2) + "+"
    rows = [edge]
    for box in boxes:
        mark = ">" if span is not None and box.lo < span[1] and span[0] < box.hi else " "
        label = printable(box.label)
        label = label if len(label) <= NAME else label[: NAME - 3] + "..."
        rows += [f" {mark}{box.lo:>5} | {label:<{NAME}} |", edge]
    return rows
