# SPDX-License-Identifier: GPL-2.0-only
"""A small layout, what proposals do to it, and sites made by hand."""

from __future__ import annotations

from dataclasses import replace

from auditor.layouts.effects import effects
from auditor.model import Effects, Field, Guard, Layout, Operation, Proposal, Site

NAMES = ("bx", "r11", "ip", "sp", "ss")
LAYOUT = Layout("pt_regs", "x86_64", 40, 8, tuple(Field(n, "unsigned long", 8 * i, 8) for i, n in enumerate(NAMES)))
NEW = Field("pks", "unsigned long", 0, 8)


def proposal(*operations: Operation) -> Proposal:
    return Proposal("sample", "a sample", "", operations)


def after(*operations: Operation) -> Effects:
    return effects(LAYOUT, proposal(*operations))


NOTHING = after()
HEAD = after(Operation("insert", (NEW,), at="head"))
MIDDLE = after(Operation("insert", (NEW,), after="bx"))
TAIL = after(Operation("insert", (NEW,), at="tail"))
ENTRY = after(Operation("extension", (NEW,), scope="entry"))
CALL = after(Operation("extension", (NEW,), scope="call"))
BELOW = after(Operation("frame-below", bytes=16))
ABOVE = after(Operation("frame-above", bytes=16))
REMOVED = after(Operation("remove", member="r11"))
RESIZED = after(Operation("resize", member="ss", size=16))
SWAPPED = after(Operation("reorder", order=("sp", "ip")))
ALL = {
    "nothing": NOTHING, "head": HEAD, "middle": MIDDLE, "tail": TAIL, "entry": ENTRY, "call": CALL, "below": BELOW,
    "above": ABOVE, "removed": REMOVED, "resized": RESIZED, "swapped": SWAPPED,
}  # fmt: skip


def site(
    *fields: str,
    span: tuple[int, int] | None = None,
    traits: tuple[str, ...] = (),
    rule: str = "field/read",
    function: str = "f",
    file: str = "a.c",
    line: int = 1,
    guard: Guard | None = None,
) -> Site:
    """Of members, of bytes (`span`), or of neither."""
    plain = Site(rule, file, line, line, 1, function, "EXPRESSION")
    return replace(plain, fields=fields, bytes=span, traits=frozenset(traits), guard=guard)
