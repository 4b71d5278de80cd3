# SPDX-License-Identifier: GPL-2.0-only
"""stack-position: where the object lies on a stack, and what lies at a stack's top."""

from __future__ import annotations

import re

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, provenance
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.kinds.dispatch import on
from auditor.kinds.size import is_sizeof


@on(K.STMT_EXPR, K.PAREN_EXPR, K.CALL_EXPR, K.CSTYLE_CAST_EXPR, K.MEMBER_REF_EXPR)
def accessor(node: Node, ctx: Context) -> None:
    """task_pt_regs(t), KSTK_EIP(t): the use of an accessor, at the place where it is written."""
    name = ctx.written_name(node) if node.kind != K.CALL_EXPR else node.name
    known = ctx.arch.accessors.get(name)
    if known is None or ctx.within_same(node):
        return
    if node.kind != K.CALL_EXPR and ctx.expansion(node) is None:
        return
    if known.result == "object":
        if node.type.cls is C.POINTER:
            ctx.add("stack-position/object", node, provenance="task", traits=frozenset({"end-anchored"}), caller=True)
        return
    if node.type.cls is not C.INTEGER and node.type.cls is not C.OTHER:
        return
    field = ctx.layout.get(known.result)
    if field is None:
        return
    rule = "stack-position/compat" if known.origin.startswith("compat") else "stack-position/field"
    span = (field.offset, field.offset + field.size)
    traits = frozenset({"end-anchored"})
    ctx.add(rule, node, fields=(field.name,), bytes=span, provenance="task", traits=traits, caller=True)


@on(K.BINARY_OPERATOR)
def around(node: Node, ctx: Context) -> None:
    """regs + 1, regs - 1, and (struct pt_regs *)top - 1."""
    if node.operator not in ("+", "-") or node.type.cls is not C.POINTER or len(node.kids) != 2:
        return
    pointer, number = node.kids
    if pointer.type.cls is not C.POINTER:
        pointer, number = number, pointer
    value = pointer.value
    count = ctx.constant(number)
    if value is None or value.place or not count:
        return
    down = (node.operator == "-") == (count > 0)
    if value.origin == "cast" and down:
        ctx.drop(pointer, ("cast",))
        ctx.add("stack-position/definition", node, traits=_padding(node, ctx), needle=("-", "1"))
    elif value.origin not in ("fabricated", "cast") and not value.origin.startswith("container:"):
        ctx.drop(pointer, ("stack-position",))
        rule = "stack-position/below" if down else "stack-position/above"
        size = ctx.layout.size
        span = (-size * abs(count), 0) if down else (size, size)
        ctx.add(rule, node, bytes=span, provenance=provenance(value), needle=("-|+", "1"))


@on(K.BINARY_OPERATOR)
def top_minus_size(node: Node, ctx: Context) -> None:
    """top - sizeof(struct pt_regs), in integers or bytes."""
    if node.operator != "-" or node.type.cls is C.POINTER or len(node.kids) != 2:
        return
    left, right = node.kids
    if not is_sizeof(right.bare(), ctx) or ctx.constant(left) is not None or left.value is not None:
        return
    ctx.drop(right, ("size",))
    ctx.add("stack-position/definition", node, traits=_padding(node, ctx), needle=("sizeof",))


def _padding(node: Node, ctx: Context) -> frozenset[str]:
    """The trait `padding`, if the computation names the macro that keeps the room above the frame."""
    if not ctx.arch.stack_padding:
        return frozenset()
    expansion = ctx.expansion(node)
    names = {ctx.arch.stack_padding, *(t for t in ctx.arch.stack_tops)}
    if expansion is not None:
        place = ctx.unit.expansions.find(expansion.name, ("-", "1"), 0) or ctx.unit.expansions.find(
            expansion.name, ("sizeof",), 0
        )
        if place is None:
            return frozenset()
        text = ctx.unit.sources.get(place.macro.path).text[place.macro.body : place.macro.end]
    else:
        lo, hi = ctx.root.span()
        text = ctx.unit.source(ctx.root.place[0]).text[lo:hi]
    return frozenset({"padding"}) if names & set(re.findall(r"\w+", text)) else frozenset()


@on(K.MEMBER_REF_EXPR)
def interrupted(node: Node, ctx: Context) -> None:
    """The saved stack pointer used as an address: memory of the interrupted stack."""
    if node.name != ctx.arch.stack_pointer or node.value is None or not node.value.anchor:
        return
    use = node.use()
    while use is not None and use.kind == K.CSTYLE_CAST_EXPR and not use.type.is_pointer:
        use = use.use()
    if use is None:
        return
    arithmetic = use.kind == K.COMPOUND_ASSIGN or (use.kind == K.BINARY_OPERATOR and use.operator in ("+", "-", "&"))
    if not arithmetic and not (use.kind == K.CSTYLE_CAST_EXPR and use.type.is_pointer):
        return
    field = ctx.layout.get(node.name)
    if field is None or any(d.rule.startswith("stack-position") for d in ctx.drafts.get(id(node), ())):
        return
    ctx.drop(node, ("field",))
    span = (field.offset, field.offset + field.size)
    prov = provenance(node.value)
    needle = ("->|.", node.name)
    ctx.add("stack-position/interrupted-stack", node, fields=(node.name,), bytes=span, provenance=prov, needle=needle)


@on(K.CALL_EXPR)
def interrupted_call(node: Node, ctx: Context) -> None:
    if ctx.arch.by_number.get(node.name) == "stack-position/interrupted-stack":
        field = ctx.layout.get(ctx.arch.stack_pointer)
        names = (field.name,) if field else ()
        ctx.add("stack-position/interrupted-stack", node, fields=names, needle=(node.name,))


@on(K.BINARY_OPERATOR)
def hardware_field(node: Node, ctx: Context) -> None:
    """tss->sp0 = ...: the hardware pushes its frame right below that address."""
    if node.operator != "=":
        return
    target = node.kids[0].bare()
    while target.kind == K.ARRAY_SUBSCRIPT_EXPR:
        target = target.kids[0].bare()
    if target.kind == K.MEMBER_REF_EXPR and f"{target.field_owner()}.{target.name}" in ctx.arch.stack_fields:
        _hardware(node, ctx)


@on(K.CALL_EXPR)
def hardware_call(node: Node, ctx: Context) -> None:
    if node.name in ctx.arch.stack_calls and len(node.kids) > 1:
        _hardware(node, ctx)


def _hardware(node: Node, ctx: Context) -> None:
    ctx.drop(node, ("stack-position",))
    ctx.add("stack-position/hardware-top", node, traits=_padding(node, ctx), caller=True)


@on(K.DECL_REF_EXPR, K.CALL_EXPR, K.PAREN_EXPR, K.BINARY_OPERATOR, K.STMT_EXPR)
def top(node: Node, ctx: Context) -> None:
    """A stack's top, computed or published without the struct."""
    name = node.name if node.kind in (K.DECL_REF_EXPR, K.CALL_EXPR) else ctx.written_name(node)
    if name not in ctx.arch.stack_tops or ctx.written_name(node) in ctx.arch.accessors:
        return
    parent = node.parent
    if parent is not None and parent.place[3] == node.place[3] and ctx.written_name(parent) == name:
        return
    if any(
        d.rule == "stack-position/top" and d.node.place[3] == node.place[3] for ds in ctx.drafts.values() for d in ds
    ):
        return
    ctx.add("stack-position/top", node, traits=frozenset({"padding"}), caller=True)
