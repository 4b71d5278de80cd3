# SPDX-License-Identifier: GPL-2.0-only
"""order: members counted as neighbours, from the address of one of them."""

from __future__ import annotations

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, decl_key, provenance
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.evidence.c.values import Value
from auditor.kinds.dispatch import on


def report(node: Node, value: Value, width: int, ctx: Context) -> None:
    ctx.drop(node, ("field", "cast", "raw-offset", "order"))
    for inner in node.walk():
        source = ctx.sources.get(decl_key(inner.referenced)) if inner.kind == K.DECL_REF_EXPR else None
        if source is not None and inner.value is not None:
            # The address was taken for this walk: one site says both.
            ctx.drop(source, ("field/address",))
    traits = frozenset({f"anchor={value.anchor}", *(("end-anchored",) if value.direct else ())})
    needle = ("+|-|[",)
    if value.offset is None:
        ctx.add("order/index", node, fields=(value.anchor,), traits=traits, provenance=provenance(value), needle=needle)
        return
    span = (value.offset, value.offset + width)
    names = ctx.layout.covering(*span)
    ctx.add(
        "order/constant-index",
        node,
        fields=names,
        bytes=span,
        traits=traits,
        provenance=provenance(value),
        needle=needle,
    )


@on(K.BINARY_OPERATOR)
def arithmetic(node: Node, ctx: Context) -> None:
    value = node.value
    if node.operator in ("+", "-") and value is not None and value.anchor and value.moved and not value.place:
        parent = node.use()
        if parent is None or parent.kind != K.BINARY_OPERATOR or parent.operator not in ("+", "-"):
            report(node, value, node.type.step if node.type.is_pointer else 1, ctx)


@on(K.ARRAY_SUBSCRIPT_EXPR)
def subscript(node: Node, ctx: Context) -> None:
    base = next((k for k in node.kids if k.value is not None), None)
    value = node.value
    if base is None or value is None or not value.anchor or base.type.cls not in (C.DATA_POINTER, C.VOID_POINTER):
        return
    if value.moved:
        report(node, value, base.type.step, ctx)


@on(K.UNARY_OPERATOR)
def dereference(node: Node, ctx: Context) -> None:
    """Through a variable that was moved away from the member it pointed to."""
    kid = node.kids[0] if node.kids else None
    if node.operator != "*" or kid is None or kid.value is None or kid.value.place:
        return
    if kid.value.anchor and kid.value.moved and kid.bare().kind in (K.DECL_REF_EXPR, K.UNARY_OPERATOR):
        report(node, kid.value, kid.type.step, ctx)
