# SPDX-License-Identifier: GPL-2.0-only
"""offsetof: a member's offset as a number, in tables, comparisons and calls of by-number helpers."""

from __future__ import annotations

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, Said
from auditor.evidence.c.measure import member_of, target_member
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.kinds.dispatch import on


def targets(node: Node, ctx: Context) -> list[Node]:
    """The offsetof expressions on the target in a subtree."""
    return [n for n in node.walk() if target_member(n, ctx)]


@on(K.UNEXPOSED_EXPR)
def value(node: Node, ctx: Context) -> None:
    name = target_member(node, ctx)
    field = ctx.layout.get(name) if name else None
    if field is None:
        return
    rule = "offsetof/value"
    below = node
    for up in node.ancestors():
        if up.kind == K.INIT_LIST_EXPR:
            if rule == "offsetof/value" and up.type.record:
                initialised = (up.type.record, _initialised(up, below, ctx))
                ctx.unit.say(Said(table_members=frozenset({initialised})))
            rule = "offsetof/table"
        elif up.kind == K.VAR_DECL and rule == "offsetof/table":
            ctx.unit.say(Said(tables=frozenset({ctx.unit.place_of(up.cursor)})))
        below = up
    span = (field.offset, field.offset + field.size)
    ctx.add(rule, node, fields=(name,), bytes=span, at=member_of(node), needle=("offsetof|__builtin_offsetof",))
    written = ctx.expansion(node)
    if written is not None and written.name != "offsetof" and ctx.expansion(node.kids[-1]) is None:
        # ENTRY(ip): the member is the caller's, the offsetof is the macro's.
        ctx.add(rule, node, fields=(name,), needle=("offsetof|__builtin_offsetof",))


def _initialised(initialiser: Node, element: Node, ctx: Context) -> str:
    """Name of the member that an element of a record's initialiser sets."""
    designators = [k for k in element.kids if k.kind == K.MEMBER_REF]
    if designators and element.kids[-1].kind != K.MEMBER_REF:
        return designators[-1].name
    api = ctx.unit.api
    record = api.getTypeDeclaration(api.getCanonicalType(api.getCursorType(initialiser.cursor)))
    members = api.children(record, (K.FIELD_DECL,))
    i = initialiser.kids.index(element)
    return str(api.text(api.getCursorSpelling(members[i]))) if i < len(members) else ""


def _holds_offset(node: Node, ctx: Context) -> bool:
    names = {member for _, member in ctx.unit.known.table_members}
    return node.name in names and (node.field_owner(), node.name) in ctx.unit.known.table_members


@on(K.ARRAY_SUBSCRIPT_EXPR)
def table_element(node: Node, ctx: Context) -> None:
    base = node.kids[0].bare() if node.kids else None
    if base is None or base.kind != K.DECL_REF_EXPR or node.type.cls is not C.INTEGER:
        return
    if not ctx.unit.known.tables or any(up.kind == K.SIZEOF_EXPR for up in node.ancestors()):
        return
    if ctx.unit.place_of(base.referenced) in ctx.unit.known.tables:
        ctx.add("offsetof/table-use", node)


@on(K.MEMBER_REF_EXPR)
def table_member(node: Node, ctx: Context) -> None:
    if node.type.cls is C.INTEGER and ctx.unit.known.table_members and _holds_offset(node, ctx):
        ctx.add("offsetof/table-use", node, needle=("->|.", node.name))


@on(K.CALL_EXPR)
def by_number(node: Node, ctx: Context) -> None:
    rule = ctx.arch.by_number.get(node.name)
    if rule and rule.startswith("offsetof/"):
        ctx.drop(node, ("offsetof/table-use",))
        ctx.add(rule, node, needle=(node.name,))


@on(K.BINARY_OPERATOR)
def bound(node: Node, ctx: Context) -> None:
    """An offset held against a member's: it counts on which member is last."""
    if node.operator not in ("<", ">", "<=", ">=") or not ctx.has("offsetof"):
        return
    for side, other in (node.kids, node.kids[::-1]):
        found = targets(side, ctx)
        if len(found) != 1 or ctx.constant(other) is not None:
            continue
        name = target_member(found[0], ctx)
        field = ctx.layout.get(name)
        if field is None:
            continue
        if ctx.expansion(found[0].kids[-1]) is None:
            ctx.drop(side, ("offsetof",))
        span = (field.offset, field.offset + field.size)
        ctx.add("order/bound", node, fields=(name,), bytes=span, needle=("offsetof",))
        return
