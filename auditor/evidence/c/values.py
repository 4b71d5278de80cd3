# SPDX-License-Identifier: GPL-2.0-only
"""What an expression is worth to the audit: a pointer into the target struct, or a place inside it."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Value:
    """A pointer to (or, with `place`, an lvalue in) an object of the target struct.

    offset: bytes from the object's start; None when it is known at run time only.
    anchor: the member whose address it was built from, or "".
    moved:  arithmetic has been applied since the object's or the anchor's address was taken.
    origin: where the object came from. "task", "compat": an accessor; "entry": a parameter of an entry function;
        "built": a stack end minus the struct; "partial": a hardware frame minus an offset; "fabricated": a variable;
        "container:<type>": a member of that type; "cast": another type; "by-number": a helper that chose a register
        by its number; else "unknown".
    direct: an accessor's own result, not yet kept in a variable; or the address of a member that was taken from one.
    literal: the offset is one of several that are written by hand, and which is known at run time only.
    symbolic: the offset is made of offsetof or sizeof, so that it follows the struct.
    """

    offset: int | None = 0
    anchor: str = ""
    moved: bool = False
    place: bool = False
    origin: str = "unknown"
    direct: bool = False
    symbolic: bool = False
    literal: bool = False

    def shifted(self, delta: int | None, symbolic: bool = False) -> Value:
        offset = None if delta is None or self.offset is None else self.offset + delta
        return replace(self.kept(), offset=offset, moved=True, symbolic=self.symbolic or symbolic)

    def kept(self) -> Value:
        """Stored in a variable. The distance of a member from the stack's end is part of its address already."""
        return replace(self, direct=self.direct and bool(self.anchor))


def join(a: Value | None, b: Value | None, choice: bool = False) -> Value | None:
    """Two paths meet. A value on one path only is kept: the other path does not touch the object.

    `choice`: the paths are branches, so that different offsets are alternatives; the turns of a loop are not.
    """
    if a is None or b is None:
        return a or b
    return Value(
        offset=a.offset if a.offset == b.offset else None,
        anchor=a.anchor if a.anchor == b.anchor else "",
        moved=a.moved or b.moved or a.offset != b.offset,
        place=a.place and b.place,
        origin=a.origin if a.origin == b.origin else "unknown",
        direct=a.direct and b.direct,
        symbolic=a.symbolic and b.symbolic,
        literal=a.literal or b.literal or (choice and _by_hand(a) and _by_hand(b) and a.offset != b.offset),
    )


def _by_hand(value: Value) -> bool:
    return value.offset is not None and not value.symbolic
