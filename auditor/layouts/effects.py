# SPDX-License-Identifier: GPL-2.0-only
"""What a proposal does to a layout. Pure: the same layouts and proposals always give the same effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from auditor.errors import UsageError
from auditor.layouts.pairs import pairs
from auditor.layouts.proposal_schema import suggestion
from auditor.layouts.relayout import Block, Shape, block_of, place, shape_of
from auditor.model import Effects, Field, Layout, Operation, Proposal


def apply(layout: Layout, proposal: Proposal) -> Layout:
    """The struct after the proposal, placed as a C compiler would; unchanged by extensions and frames.

    An edit next to a member of an unnamed union is an edit next to the whole union. UsageError names the proposal's
    file and the operation: no such member, a new name that exists, two insertions at one place.
    """
    shape = shape_of(layout)
    for operation in _placed(layout, shape, proposal):
        shape = _EDITS[operation.op](layout, shape, operation, proposal)
    return replace(place(layout, shape), source=f"{layout.source} with {proposal.id}")


def effects(layout: Layout, proposal: Proposal) -> Effects:
    """Effects of a proposal; UsageError as `apply`. `extension` and frames in bytes.

    An extension of scope "entry" is pushed with the registers, so the entry frame grows below by its size; one of scope
    "call" exists only around calls into C and leaves the frame as it is.
    """
    found = effects_between(layout, apply(layout, proposal))
    extensions = [op for op in proposal.operations if op.op == "extension"]
    size = sum(m.size for op in extensions for m in op.members)
    pushed = sum(m.size for op in extensions if op.scope == "entry" for m in op.members)
    return replace(
        found,
        frame_below=pushed + sum(op.bytes for op in proposal.operations if op.op == "frame-below"),
        frame_above=sum(op.bytes for op in proposal.operations if op.op == "frame-above"),
        extension=size,
        extension_scope=extensions[0].scope if extensions else "",
        extension_members=tuple(m.name for op in extensions for m in op.members),
    )


def effects_between(before: Layout, after: Layout) -> Effects:
    """Effects seen by comparing two layouts. Members are paired by name: a renamed one is removed and added.

    `new_head`: an added member starts below every member that was kept; `new_tail`: one starts where the last kept
    member ends, or later. An added alternative of a union is neither.
    """
    every = pairs(before, after)
    kept = [(p.before, p.after) for p in every if p.before is not None and p.after is not None]
    added = [p.after for p in every if p.before is None and p.after is not None]
    first = min((new.offset for _, new in kept), default=after.size)
    end = max((new.offset + new.size for _, new in kept), default=0)
    return Effects(
        before=before,
        after=after,
        shift={old.name: new.offset - old.offset for old, new in kept if new.offset != old.offset},
        resize=after.size - before.size,
        new_head=any(f.offset < first for f in added),
        new_tail=any(f.offset >= end for f in added),
        added=tuple(f.name for f in added),
        removed=tuple(p.before.name for p in every if p.before is not None and p.after is None),
        resized=tuple(old.name for old, new in kept if (old.size, old.bit_size) != (new.size, new.bit_size)),
    )


def _placed(layout: Layout, shape: Shape, proposal: Proposal) -> list[Operation]:
    """The operations that edit the struct, after their members and places are known to exist and to be distinct."""
    names = {f.name for f in layout.fields}
    places: dict[int, Operation] = {}
    found = [op for op in proposal.operations if op.op in _EDITS]
    for op in found:
        for name in filter(None, (op.before, op.after, op.member, *op.order)):
            if name not in names:
                hint = suggestion(name, [f.name for f in layout.fields])
                raise _error(proposal, op, f"{layout.struct} on {layout.arch} has no member {name!r} ({hint})")
        if op.op != "insert":
            continue
        for member in op.members:
            if member.name in names:
                raise _error(proposal, op, f"{layout.struct} on {layout.arch} already has a member {member.name!r}")
        other = places.setdefault(_position(shape, op), op)
        if other is not op:
            raise _error(proposal, op, f"is the same place as {_where(other)}: which comes first is not said")
    return found


def _position(shape: Shape, op: Operation) -> int:
    """Number of the block before which the new members go."""
    if op.at:
        return 0 if op.at == "head" else len(shape.blocks)
    index = _index(shape, op.before or op.after)
    return index if op.before else index + 1


def _index(shape: Shape, name: str) -> int:
    return next(i for i, b in enumerate(shape.blocks) if b.has(name))


def _insert(layout: Layout, shape: Shape, op: Operation, proposal: Proposal) -> Shape:
    new = tuple(block_of([replace(m, offset=0)], shape.packed) for m in op.members)
    at = _position(shape, op)
    return replace(shape, blocks=shape.blocks[:at] + new + shape.blocks[at:])


def _remove(layout: Layout, shape: Shape, op: Operation, proposal: Proposal) -> Shape:
    at = _index(shape, op.member)
    rest = [f for f in shape.blocks[at].fields if f.name != op.member]
    return _with_fields(shape, at, rest)


def _resize(layout: Layout, shape: Shape, op: Operation, proposal: Proposal) -> Shape:
    at = _index(shape, op.member)
    if any(f.name == op.member and f.bit_size is not None for f in shape.blocks[at].fields):
        raise _error(proposal, op, f"{op.member!r} is a bit-field")
    return _with_fields(shape, at, [_sized(f, op) for f in shape.blocks[at].fields])


def _sized(field: Field, op: Operation) -> Field:
    return replace(field, size=op.size) if field.name == op.member else field


def _with_fields(shape: Shape, at: int, fields: list[Field]) -> Shape:
    """The shape with other members in one block; without them the block is gone."""
    made: tuple[Block, ...] = ()
    if fields:
        made = (replace(block_of(fields, shape.packed), gap=shape.blocks[at].gap),)
    return replace(shape, blocks=shape.blocks[:at] + made + shape.blocks[at + 1 :])


def _reorder(layout: Layout, shape: Shape, op: Operation, proposal: Proposal) -> Shape:
    """The named members take the places that they hold together, in the given order."""
    moved = [_index(shape, name) for name in op.order]
    if len(set(moved)) != len(moved):
        raise _error(proposal, op, "two of the members are alternatives of one union")
    blocks = list(shape.blocks)
    for target, source in zip(sorted(moved), moved, strict=True):
        blocks[target] = shape.blocks[source]
    return replace(shape, blocks=tuple(blocks))


_EDITS: dict[str, Callable[[Layout, Shape, Operation, Proposal], Shape]] = {
    "insert": _insert,
    "remove": _remove,
    "resize": _resize,
    "reorder": _reorder,
}


def _where(op: Operation) -> str:
    if op.at:
        return f"at = {op.at!r}"
    return f"before = {op.before!r}" if op.before else f"after = {op.after!r}"


def _error(proposal: Proposal, op: Operation, problem: str) -> UsageError:
    place_of = f" {_where(op)}" if op.op == "insert" else ""
    return UsageError(f"{proposal.source or proposal.id}: {op.op}{place_of}: {problem}")
