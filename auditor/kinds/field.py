# SPDX-License-Identifier: GPL-2.0-only
"""field: named members, read, written, or their address taken."""

from __future__ import annotations

from auditor.arch import Accessor
from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, provenance
from auditor.evidence.c.measure import holder, is_null
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.kinds.dispatch import on


@on(K.MEMBER_REF_EXPR)
def member(node: Node, ctx: Context) -> None:
    base = holder(node)
    if base is None or base.type.cls not in (C.OBJECT, C.POINTER) or not node.name or node.value is None:
        return
    value = node.value
    field = ctx.layout.get(node.name)
    if any(d.rule == "cast/to-struct" for d in ctx.drafts.get(id(base.bare()), ())):
        # The cast is what is wrong; the member only shows it.
        return
    if is_null(base):
        _null_base(node, ctx)
        return
    if field is None:
        # A member of an anonymous struct or union that the layout lists flat, or a nested one: the named part decides.
        return
    rule = f"field/{access(node)}"
    traits: set[str] = set()
    if value.direct and value.origin in ("task", "compat"):
        rule = "stack-position/compat" if value.origin == "compat" else "stack-position/field"
        traits.add("end-anchored")
        ctx.drop(base, ("stack-position",))
    elif (accessor := _defines(node, ctx)) is not None:
        rule = "stack-position/compat" if accessor.origin.startswith("compat") else "stack-position/field"
        traits.add("end-anchored")
        ctx.drop(base, ("stack-position",))
    elif value.origin.startswith("container:") and value.origin.partition(":")[2] in ctx.unit.asm_filled:
        rule = "field/asm-filled"
        traits.add("asm-filled")
    elif value.origin == "partial":
        rule = "unwind/state"
    elif _unwinder(base, ctx):
        rule = "unwind/state"
        ctx.drop(base, ("unwind",))
    span = (field.offset, field.offset + max(field.size, 1))
    ctx.add(
        rule,
        node,
        fields=(node.name,),
        bytes=span,
        provenance=provenance(value),
        traits=frozenset(traits),
        needle=("->|.", node.name),
    )
    written = base.bare()
    if written.kind == K.DECL_REF_EXPR and ctx.expansion(node) is None and ctx.expansion(written) is not None:
        # GET(ip): the member is the caller's, but that there is an access is written in the macro.
        ctx.add(rule, node, at=written, fields=(node.name,), traits=frozenset(traits), needle=(written.name, "->|."))


def _defines(node: Node, ctx: Context) -> Accessor | None:
    """The member that an accessor macro such as KSTK_EIP reads: it belongs to the macro's definition."""
    accessor = ctx.arch.accessors.get(ctx.written_name(node))
    found = accessor is not None and accessor.result == node.name and ctx.expansion(node) is not None
    return accessor if found else None


def _null_base(node: Node, ctx: Context) -> None:
    """&((struct pt_regs *)0)->ip: offsetof by hand."""
    use, field = node.use(), ctx.layout.get(node.name)
    if field is not None and use is not None and use.kind == K.UNARY_OPERATOR and use.operator == "&":
        span = (field.offset, field.offset + field.size)
        ctx.add("offsetof/value", use, fields=(node.name,), bytes=span, needle=("&",))


def access(node: Node) -> str:
    """read, write or address: what the expression around a member does with it."""
    outer, parent = node.wrapped(), node.use()
    while parent is not None:
        if parent.kind == K.UNARY_OPERATOR and parent.operator == "&":
            use = parent.use()
            while use is not None and use.kind == K.CSTYLE_CAST_EXPR:
                use = use.use()
            if use is None or use.kind != K.UNARY_OPERATOR or use.operator != "*":
                return "address"
            # *(volatile T *)&x, as READ_ONCE and WRITE_ONCE have it: the access is the dereference.
            outer, parent = use.wrapped(), use.use()
            continue
        if parent.kind in (K.BINARY_OPERATOR, K.COMPOUND_ASSIGN) and parent.kids[0] is outer:
            assigns = parent.kind == K.COMPOUND_ASSIGN or parent.operator == "="
            return "write" if assigns else "read"
        if parent.kind == K.UNARY_OPERATOR and parent.operator in ("++", "--"):
            return "write"
        if parent.kind in (K.MEMBER_REF_EXPR, K.ARRAY_SUBSCRIPT_EXPR) and parent.kids[0] is outer:
            outer, parent = parent.wrapped(), parent.use()
            continue
        return "read"
    return "read"


def _unwinder(base: Node, ctx: Context) -> bool:
    holder = base.bare()
    return (
        holder.kind == K.MEMBER_REF_EXPR
        and holder.type.cls is C.POINTER
        and holder.field_owner() in ctx.interfaces.unwind_types
    )
