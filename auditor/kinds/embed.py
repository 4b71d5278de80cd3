# SPDX-License-Identifier: GPL-2.0-only
"""embed: the object by value inside another struct."""

from __future__ import annotations

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, Said
from auditor.evidence.c.measure import member_of
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.kinds.dispatch import on


@on(K.FIELD_DECL)
def member(node: Node, ctx: Context) -> None:
    if node.type.cls not in (C.OBJECT, C.ARRAY, C.CONTAINER):
        return
    if node.type.cls is C.CONTAINER and ctx.unit.layout.struct in node.type.record:
        return
    owner = node.parent.name if node.parent is not None else ""
    ctx.unit.say(Said(behind=frozenset(_later(node))))
    needle = (ctx.layout.struct,)
    if owner in ctx.unit.asm_filled:
        ctx.add("embed/asm-filled", node, bytes=(0, ctx.layout.size), provenance="fabricated", needle=needle)
    else:
        traits = frozenset({f"holder={owner}"})
        ctx.add("embed/member", node, bytes=(0, ctx.layout.size), provenance="fabricated", traits=traits, needle=needle)


def _later(node: Node) -> set[tuple[str, str]]:
    """(record, member) of what lies behind a member, in the structs without a name around it, too."""
    names: list[str] = []
    at = node
    for up in node.ancestors():
        if up.kind not in (K.STRUCT_DECL, K.UNION_DECL):
            break
        if up.kind == K.STRUCT_DECL:
            later = up.kids[up.kids.index(at) + 1 :]
            names += (n.name for kid in later for n in kid.walk() if n.kind == K.FIELD_DECL)
        if up.name and "(" not in up.name:
            return {(up.name, name) for name in names}
        at = up
    return set()


@on(K.MEMBER_REF_EXPR)
def behind(node: Node, ctx: Context) -> None:
    if _is_behind(node, ctx):
        ctx.add("embed/behind", node, needle=("->|.", node.name))


@on(K.UNEXPOSED_EXPR)
def offset_behind(node: Node, ctx: Context) -> None:
    """offsetof such a member."""
    named = member_of(node)
    if named is not None and _is_behind(named, ctx):
        ctx.add("embed/behind", node, at=named, needle=("offsetof|__builtin_offsetof",))


def _is_behind(node: Node, ctx: Context) -> bool:
    names = {member for _, member in ctx.unit.known.behind}
    return node.name in names and (node.field_owner(), node.name) in ctx.unit.known.behind


@on(K.ARRAY_SUBSCRIPT_EXPR)
def element(node: Node, ctx: Context) -> None:
    """An element of an array of the struct; the first one lies where the array does."""
    array, index = node.kids
    if node.type.cls is C.OBJECT and array.bare().type.cls is C.ARRAY and ctx.constant(index) != 0:
        ctx.add("embed/element", node, needle=("[",))
