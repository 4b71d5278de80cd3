# SPDX-License-Identifier: GPL-2.0-only
"""embed: the object by value inside another struct."""

from __future__ import annotations

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context
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
    needle = (ctx.layout.struct,)
    if owner in ctx.unit.asm_filled:
        ctx.add("embed/asm-filled", node, bytes=(0, ctx.layout.size), provenance="fabricated", needle=needle)
    else:
        traits = frozenset({f"holder={owner}"})
        ctx.add("embed/member", node, bytes=(0, ctx.layout.size), provenance="fabricated", traits=traits, needle=needle)
