# SPDX-License-Identifier: GPL-2.0-only
"""uapi-export: what crosses to user space, whole, by name, or as a register image of its own."""

from __future__ import annotations

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, provenance
from auditor.evidence.c.measure import is_sizeof, member_of
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.kinds.dispatch import on


@on(K.CALL_EXPR)
def whole_copy(node: Node, ctx: Context) -> None:
    if node.name not in ctx.interfaces.to_user:
        return
    arguments = node.kids[1:]
    length = next((c for a in reversed(arguments) if (c := ctx.constant(a)) is not None), None)
    for argument in arguments:
        value = argument.value
        if value is None or value.place:
            continue
        if value.anchor and not value.moved:
            field = ctx.layout.get(value.anchor)
            if field is None or length is None or length <= field.size:
                continue
        whole = ctx.written_in(node, ctx.interfaces.to_user) or node
        span = None
        if value.offset is not None:
            size = ctx.layout.size if any(is_sizeof(n, ctx) for n in whole.walk()) else length
            span = (value.offset, value.offset + size) if size else None
        ctx.drop(whole, ("size", "cast", "raw-offset", "stack-position", "order", "field"))
        names = ctx.layout.covering(*span) if span and span != (0, ctx.layout.size) else ()
        needle = (ctx.written_name(whole),)
        ctx.add("uapi-export/whole-copy", whole, fields=names, bytes=span, provenance=provenance(value), needle=needle)
        return


@on(K.MEMBER_REF_EXPR)
def by_name(node: Node, ctx: Context) -> None:
    """A register copied to or from a frozen image, one by one."""
    drafts = [d for d in ctx.drafts.get(id(node), ()) if d.rule in ("field/read", "field/write")]
    if not drafts:
        return
    statement = node
    for up in node.ancestors():
        if up.kind >= K.UNEXPOSED_STMT and up.kind not in (K.STMT_EXPR,):
            break
        statement = up
    frozen = any(n.kind == K.MEMBER_REF_EXPR and n is not node and _frozen(n, ctx) for n in statement.walk())
    images = ctx.interfaces.user_word | ctx.interfaces.register_image
    if frozen or ctx.written_in(node, images) is not None:
        for draft in drafts:
            draft.rule = "uapi-export/by-name"


def _frozen(node: Node, ctx: Context) -> bool:
    return node.field_owner() in ctx.arch.frozen


@on(K.SIZEOF_EXPR)
def frozen_size(node: Node, ctx: Context) -> None:
    kid = node.kids[-1] if node.kids else None
    if kid is None or kid.type.cls is not C.RECORD or kid.type.record not in ctx.arch.frozen:
        return
    if kid.kind != K.TYPE_REF or node.constant() == kid.type.size:
        ctx.add("uapi-export/frozen-size", node, needle=("sizeof",))


@on(K.UNEXPOSED_EXPR)
def frozen_offset(node: Node, ctx: Context) -> None:
    member = member_of(node)
    if member is None:
        return
    owners = {k.field_owner() for k in node.kids if k.kind == K.MEMBER_REF}
    types = {k.type.record for k in node.kids if k.kind == K.TYPE_REF}
    if (owners | types) & ctx.arch.frozen:
        ctx.add("uapi-export/frozen-offset", node, at=member, needle=("offsetof|__builtin_offsetof",))
        written = ctx.expansion(node)
        if written is not None and written.name != "offsetof" and ctx.expansion(member) is None:
            ctx.add("uapi-export/frozen-offset", node, needle=("offsetof|__builtin_offsetof",))


@on(K.STRUCT_DECL, K.ENUM_DECL, K.TYPEDEF_DECL)
def frozen_type(node: Node, ctx: Context) -> None:
    if node.name in ctx.arch.frozen and ctx.unit.api.isCursorDefinition(node.cursor):
        ctx.add("uapi-export/frozen-type", node)


@on(K.CALL_EXPR, K.STMT_EXPR, K.PAREN_EXPR, K.BINARY_OPERATOR)
def register_image(node: Node, ctx: Context) -> None:
    names = ctx.interfaces.register_image
    if node.kind == K.CALL_EXPR and node.name in names:
        ctx.add("uapi-export/regset", node, needle=(node.name,))
    elif ctx.written_name(node) in names and ctx.expansion(node) is not None and not ctx.within_same(node):
        ctx.add("uapi-export/regset", node, caller=True)


@on(K.PARM_DECL)
def regset_callback(node: Node, ctx: Context) -> None:
    """A function that reads or writes a task's registers in the order of a regset."""
    parent = node.parent
    if node.type.cls is not C.RECORD_POINTER or node.type.record not in ctx.interfaces.regset_types:
        return
    if parent is not None and parent.kind == K.FUNCTION_DECL and parent.kids[-1].kind == K.COMPOUND_STMT:
        ctx.add("uapi-export/regset", node)


@on(K.VAR_DECL)
def regset_table(node: Node, ctx: Context) -> None:
    """The table of a task's regsets."""
    if node.kids and node.kids[-1].kind == K.INIT_LIST_EXPR and node.type.record in ctx.interfaces.regset_types:
        ctx.add("uapi-export/regset", node)
