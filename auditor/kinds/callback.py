# SPDX-License-Identifier: GPL-2.0-only
"""callback: where functions that take the object are declared and registered, and where pointers to it are kept."""

from __future__ import annotations

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, is_local, provenance
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.kinds.dispatch import on


@on(K.TYPEDEF_DECL, K.FIELD_DECL, K.PARM_DECL, K.VAR_DECL)
def declared(node: Node, ctx: Context) -> None:
    cls = node.type.cls
    if cls is C.FUNCTION_POINTER or (cls is C.FUNCTION and node.kind == K.TYPEDEF_DECL):
        if node.kind == K.TYPEDEF_DECL or _spelled_out(node, ctx):
            ctx.add("callback/type", node, needle=(ctx.layout.struct,))
    elif cls in (C.POINTER, C.POINTER2) and (node.kind == K.FIELD_DECL or _global(node, ctx)):
        owner = node.parent.name if node.parent is not None else ""
        rule = "unwind/state" if owner in ctx.interfaces.unwind_types else "callback/holder"
        ctx.add(rule, node, needle=(ctx.layout.struct,))


def _spelled_out(node: Node, ctx: Context) -> bool:
    """The function's type is written here and not taken from a typedef, which is a site of its own."""
    api = ctx.unit.api
    return "(" in api.text(api.getTypeSpelling(api.getCursorType(node.cursor)))


def _global(node: Node, ctx: Context) -> bool:
    api = ctx.unit.api
    # CX_SC_Extern: only declared here.
    extern = api.Cursor_getStorageClass(node.cursor) == 2
    return node.kind == K.VAR_DECL and not extern and api.getCursorSemanticParent(node.cursor).kind != K.FUNCTION_DECL


@on(K.DECL_REF_EXPR)
def registration(node: Node, ctx: Context) -> None:
    if node.type.cls is not C.FUNCTION:
        return
    wrapped, use = node.wrapped(), node.use()
    while use is not None and use.kind == K.UNARY_OPERATOR and use.operator == "&":
        wrapped, use = use.wrapped(), use.use()
    if use is None or (use.kind == K.CALL_EXPR and use.kids[0] is wrapped):
        return
    assigned = use.kind == K.BINARY_OPERATOR and use.operator == "=" and use.kids[1] is wrapped
    passed = use.kind == K.CALL_EXPR
    listed = use.kind in (K.INIT_LIST_EXPR, K.VAR_DECL, K.UNEXPOSED_EXPR)
    if assigned or passed or listed:
        ctx.add("callback/registration", node, needle=(node.name,))


@on(K.BINARY_OPERATOR)
def published(node: Node, ctx: Context) -> None:
    """The pointer stored in a global."""
    if node.operator != "=" or node.kids[0].type.cls is not C.POINTER:
        return
    target = node.kids[0].bare()
    if target.kind == K.DECL_REF_EXPR and not is_local(target):
        ctx.add("callback/published", node, provenance=provenance(node.kids[1].value), needle=("=",))


@on(K.DECL_REF_EXPR)
def published_per_cpu(node: Node, ctx: Context) -> None:
    if node.type.cls is C.POINTER and not is_local(node):
        place = ctx.written_in(node, ctx.interfaces.publish)
        if place is not None:
            ctx.add("callback/published", node, needle=(node.name,))
