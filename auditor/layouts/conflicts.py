# SPDX-License-Identifier: GPL-2.0-only
"""Operations of one proposal that contradict each other, whatever struct they are applied to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auditor.errors import InputError
from auditor.model import Operation


def check(path: str, operations: Sequence[Operation]) -> None:
    """InputError names the file and the two operations: one place or member edited twice, a name given twice."""
    claims: dict[tuple[str, str], str] = {}
    removed = {op.member for op in operations if op.op == "remove"}
    reordered = {name for op in operations for name in op.order}
    for op in operations:
        for claim in _claims(op):
            if claim in claims:
                raise InputError(path, f"operation {_name(op)}: overlaps {claims[claim]} ({' '.join(claim).strip()})")
            claims[claim] = _name(op)
        neighbour = op.before or op.after
        if neighbour in removed:
            raise InputError(
                path, f"operation {_name(op)}: its neighbour {neighbour!r} is removed by the same proposal"
            )
        if neighbour in reordered:
            raise InputError(path, f"operation {_name(op)}: its neighbour {neighbour!r} is moved by the same proposal")


def _claims(op: Operation) -> Iterator[tuple[str, str]]:
    """What an operation needs for itself."""
    match op.op:
        case "insert":
            yield ("place", op.at or (f"before {op.before}" if op.before else f"after {op.after}"))
        case "remove" | "resize":
            yield ("member", op.member)
        case "reorder":
            yield from (("member", name) for name in op.order)
        case _:
            yield (op.op, "")
    yield from (("new member", m.name) for m in op.members)


def _name(op: Operation) -> str:
    where = op.at or op.before or op.after or op.member or ", ".join(op.order)
    return f"{op.op} {where}".strip()
