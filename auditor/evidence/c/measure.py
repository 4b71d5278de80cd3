# SPDX-License-Identifier: GPL-2.0-only
"""Recognising offsetof and sizeof on the target."""

from __future__ import annotations

from typing import Protocol

from auditor.evidence.c.api import K
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.model import Layout


class HasLayout(Protocol):
    layout: Layout


def member_of(node: Node) -> Node | None:
    """The MEMBER_REF of an offsetof expression (the innermost member), or None if the node is none."""
    if node.kind != K.UNEXPOSED_EXPR or node.type.cls is not C.INTEGER:
        return None
    members = [k for k in node.kids if k.kind == K.MEMBER_REF]
    # A designated initialiser looks alike, but its last child is the value.
    return members[-1] if members and node.kids[-1].kind == K.MEMBER_REF else None


def target_member(node: Node, ctx: HasLayout) -> str:
    """Name of the target's member that an offsetof expression names, or the empty string."""
    member = member_of(node)
    if member is not None and member.field_owner() == ctx.layout.struct:
        return member.name
    return ""


def is_sizeof(node: Node, ctx: HasLayout) -> bool:
    """sizeof the target itself, by type or by expression."""
    return node.kind == K.SIZEOF_EXPR and measured_class(node) == C.OBJECT and node.constant() == ctx.layout.size


def measured_class(node: Node) -> C | None:
    if not node.kids:
        return None
    kid = node.kids[-1]
    cls = kid.type.cls
    if kid.kind == K.TYPE_REF:
        # `sizeof(struct s *)` has the same child as `sizeof(struct s)`: only the value tells them apart.
        return cls if cls in (C.OBJECT, C.CONTAINER, C.RECORD) and node.constant() == kid.type.size else None
    return cls


def holder(node: Node) -> Node | None:
    """What a member is taken of, seen through the anonymous structs and unions between."""
    base = node.kids[0] if node.kids else None
    # libclang spells an unnamed member as "" or as "(anonymous at file:line)".
    while base is not None and base.kind == K.MEMBER_REF_EXPR and (not base.name or "(" in base.name):
        base = base.kids[0] if base.kids else None
    return base


def is_null(node: Node) -> bool:
    """A null pointer constant under casts."""
    inner = node
    while inner.kind in (K.CSTYLE_CAST_EXPR, K.PAREN_EXPR, K.UNEXPOSED_EXPR) and inner.kids:
        inner = inner.kids[-1]
    return inner.kind == K.INTEGER_LITERAL and inner is not node
