# SPDX-License-Identifier: GPL-2.0-only
"""unwind: the unwinder's own pointers to the object, partial objects, encoded frame pointers."""

from __future__ import annotations

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, provenance
from auditor.evidence.c.measure import target_member
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.evidence.c.values import Value
from auditor.kinds.dispatch import on
from auditor.kinds.offsetof import targets


@on(K.MEMBER_REF_EXPR)
def handed_out(node: Node, ctx: Context) -> None:
    """return state->regs: the unwinder's pointer leaves it."""
    use = node.use()
    if node.type.cls is not C.POINTER or use is None or use.kind != K.RETURN_STMT:
        return
    if node.field_owner() in ctx.interfaces.unwind_types:
        ctx.add("unwind/state", node, needle=("->|.", node.name))


@on(K.BINARY_OPERATOR)
def partial(node: Node, ctx: Context) -> None:
    """An address minus offsetof(struct pt_regs, member): only what lies above it is really there."""
    if node.operator != "-" or not node.type.is_pointer or not ctx.has("offsetof"):
        return
    pointer, number = node.kids
    found = [n for n in targets(number, ctx) if n is number or n is number.bare()]
    if not found or pointer.value is not None:
        return
    name = target_member(found[0], ctx)
    field = ctx.layout.get(name)
    if field is None:
        return
    if ctx.expansion(found[0].kids[-1]) is None or ctx.expansion(node) is not None:
        ctx.drop(number, ("offsetof",))
    ctx.drop(pointer, ("cast",))
    node.value = Value(origin="partial")
    span = (field.offset, ctx.layout.size)
    ctx.add("unwind/partial", node, fields=(name,), bytes=span, needle=("-", "offsetof"))


@on(K.CALL_EXPR)
def encoded(node: Node, ctx: Context) -> None:
    if node.name in ctx.interfaces.encode:
        value = next((k.value for k in node.kids[1:] if k.value is not None), None)
        ctx.add("unwind/encoded-pointer", node, provenance=provenance(value), needle=(node.name,))
