# SPDX-License-Identifier: GPL-2.0-only
"""cast: the object read as another type, another type read as the object.

Exempt, because they say nothing of the layout: constants (NULL, ERR_PTR) and the inside of container_of. `void *` is
not a dependence on the layout either, but it is where the compiler loses track of the object: `cast/type-erased`.
"""

from __future__ import annotations

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, is_local, provenance
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.evidence.c.values import Value
from auditor.kinds.dispatch import on
from auditor.kinds.offsetof import member_of

_NEEDLE = ("struct",)


@on(K.CSTYLE_CAST_EXPR)
def explicit(node: Node, ctx: Context) -> None:
    kid = node.kids[-1] if node.kids else None
    if kid is None:
        return
    if node.type.cls is C.POINTER:
        _to_object(node, kid, ctx)
    elif kid.value is not None and not kid.value.place and kid.type.cls in (C.POINTER, C.VOID_POINTER, C.INTEGER):
        _from_object(node, kid, kid.value, ctx)


def _to_object(node: Node, kid: Node, ctx: Context) -> None:
    inner = kid.bare()
    api = ctx.unit.api
    if inner.type.cls is C.POINTER:
        # Only a typedef of the same type can be meant: bpf_user_pt_regs_t.
        if ctx.layout.struct not in api.text(api.getTypeSpelling(api.getCursorType(inner.cursor))).split():
            ctx.add("cast/type-erased", node, provenance=provenance(inner.value), needle=_NEEDLE)
        return
    if inner.value is not None or ctx.constant(inner) is not None or _in_accessor(node, ctx):
        return
    if inner.type.cls is C.VOID_POINTER:
        ctx.add("cast/type-erased", node, needle=_NEEDLE)
    elif inner.type.cls in (C.RECORD_POINTER, C.CONTAINER_POINTER):
        ctx.add("cast/to-struct", node, needle=_NEEDLE)
    elif inner.type.cls in (C.INTEGER, C.DATA_POINTER):
        ctx.add("cast/from-integer", node, needle=_NEEDLE)


def _in_accessor(node: Node, ctx: Context) -> bool:
    """The cast is how an accessor such as task_pt_regs finds the object; that is a stack-position."""
    return ctx.written_name(node) in ctx.arch.accessors and ctx.expansion(node) is not None


def _from_object(node: Node, kid: Node, value: Value, ctx: Context) -> None:
    cls = node.type.cls
    use = node.use()
    if cls in (C.RECORD_POINTER, C.CONTAINER_POINTER):
        if kid.type.cls is C.POINTER and not value.moved:
            held = cls is C.CONTAINER_POINTER
            rule = "cast/container-of" if held else "cast/to-struct"
            ctx.add(rule, node, bytes=(0, node.type.step), provenance=provenance(value), needle=_NEEDLE)
    elif cls is C.DATA_POINTER and node.type.step > 1 and kid.type.cls is C.POINTER and not value.moved:
        ctx.add("cast/to-words", node, bytes=(0, ctx.layout.size), provenance=provenance(value), needle=("*",))
    elif cls is C.INTEGER and kid.type.cls is C.POINTER and not value.anchor and _is_number(node, use):
        ctx.add("stack-position/address", node, provenance=provenance(value), needle=("long",))


def _is_number(node: Node, use: Node | None) -> bool:
    """The address is used as a number, not as a way to the object's bytes."""
    if use is None or use.kind in (K.CSTYLE_CAST_EXPR, K.VAR_DECL, K.UNARY_OPERATOR):
        return False
    if use.kind == K.BINARY_OPERATOR:
        if use.operator == "=":
            return not is_local(use.kids[0])
        if use.operator in ("+", "-"):
            other = use.kids[1] if use.kids[0] is node.wrapped() else use.kids[0]
            return use.operator == "-" and other.constant() is None and use.value is None
        return True
    return use.kind in (K.CALL_EXPR, K.RETURN_STMT, K.COMPOUND_ASSIGN)


@on(K.UNEXPOSED_EXPR)
def implicit(node: Node, ctx: Context) -> None:
    """void * to the object or back, without a cast."""
    if len(node.kids) != 1:
        return
    to, kid = node.type.cls, node.kids[0]
    source = kid.type.cls
    if (to, source) == (C.POINTER, C.VOID_POINTER):
        if kid.value is None and ctx.constant(kid.bare()) is None and not _null(kid):
            ctx.add("cast/type-erased", node, needle=(node.name or "void",))
    elif (to, source) == (C.VOID_POINTER, C.POINTER) and _erases(node, ctx):
        ctx.add("cast/type-erased", node, provenance=provenance(kid.value), needle=(node.name or "void",))


def _erases(node: Node, ctx: Context) -> bool:
    """Passed to a function that is no memory operation, or stored where it outlives the function."""
    use = node.use()
    if use is None:
        return False
    if use.kind == K.BINARY_OPERATOR:
        return use.operator == "=" and not is_local(use.kids[0])
    names = ctx.interfaces
    memory = names.copy | names.clear | names.compare | names.to_user
    return use.kind == K.CALL_EXPR and use.name not in memory and ctx.written_in(node, memory) is None


def _null(node: Node) -> bool:
    return node.bare().kind == K.CSTYLE_CAST_EXPR and any(n.kind == K.INTEGER_LITERAL for n in node.walk())


@on(K.BINARY_OPERATOR)
def container_of(node: Node, ctx: Context) -> None:
    """The object's address minus the offset at which something holds it."""
    if node.operator != "-" or len(node.kids) != 2:
        return
    pointer, number = node.kids
    member = member_of(number.bare()) or member_of(number)
    if member is None or pointer.value is None or pointer.value.place or member.field_owner() == ctx.layout.struct:
        return
    ctx.drop(node, ("raw-offset", "cast"))
    node.value = None
    ctx.add("cast/container-of", node, provenance=provenance(pointer.value), needle=("container_of|offsetof",))
