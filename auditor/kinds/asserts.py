# SPDX-License-Identifier: GPL-2.0-only
"""assert: guards on the layout, at compile time and at run time."""

from __future__ import annotations

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context
from auditor.evidence.c.measure import is_null, is_sizeof, target_member
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.kinds.dispatch import on
from auditor.model import Expression, Guard


@on(K.IF_STMT)
def build_bug(node: Node, ctx: Context) -> None:
    """if (condition) __compiletime_assert_N(): what BUILD_BUG_ON expands to."""
    if len(node.kids) < 2 or not (ctx.has("offsetof") or ctx.has("size")):
        return
    prefixes = tuple(ctx.interfaces.guard_call_prefix)
    calls = (n for n in node.kids[1].walk() if n.kind == K.CALL_EXPR)
    if any(c.name.startswith(prefixes) for c in calls) or ctx.written_name(node) in ctx.interfaces.guard_macro:
        _guard(node, node.kids[0], False, ctx)


@on(K.STATIC_ASSERT)
def static_assert(node: Node, ctx: Context) -> None:
    if node.kids:
        _guard(node, node.kids[0], True, ctx)


def _guard(node: Node, condition: Node, positive: bool, ctx: Context) -> None:
    found = [n for n in condition.walk() if target_member(n, ctx) or is_sizeof(n, ctx)]
    if not found:
        return
    names = tuple(dict.fromkeys(m for n in found if (m := target_member(n, ctx))))
    expression = _expression(condition, ctx)
    ctx.drop(node)
    written = found[0].kids[-1] if target_member(found[0], ctx) else found[0]
    inside = ctx.expansion(written) is not None
    guard = Guard(expression, positive) if expression is not None else None
    traits = frozenset() if guard else frozenset({"undecided"})
    needle = ("|".join(sorted(ctx.interfaces.guard_macro)),)
    ctx.add("assert/build", node, fields=names, guard=guard, traits=traits, needle=needle, caller=not inside)


_DEPTH = 100


def _expression(node: Node, ctx: Context, depth: int = 0) -> Expression | None:
    """A condition as data; None where it depends on more than constants and the layout, or is too deep to be meant."""
    if depth > _DEPTH:
        return None
    name = target_member(node, ctx)
    if name:
        return ("offsetof", name)
    if is_sizeof(node, ctx):
        return ("sizeof",)
    cast = node.kind == K.CSTYLE_CAST_EXPR and node.type.cls is C.INTEGER
    if cast or (node.kind in (K.PAREN_EXPR, K.UNEXPOSED_EXPR) and len(node.kids) == 1):
        return _expression(node.kids[-1], ctx, depth + 1)
    if node.kind == K.UNARY_OPERATOR and node.operator in ("!", "-", "~") and node.kids:
        inner = _expression(node.kids[-1], ctx, depth + 1)
        return (node.operator, inner) if inner is not None else None
    if node.kind == K.BINARY_OPERATOR and len(node.kids) == 2:
        left, right = (_expression(k, ctx, depth + 1) for k in node.kids)
        return (node.operator, left, right) if left is not None and right is not None else None
    if ctx.measured(node):
        return None
    number = ctx.constant(node)
    return ("const", number) if number is not None else None


@on(K.BINARY_OPERATOR)
def run_time(node: Node, ctx: Context) -> None:
    """WARN_ON(regs != task_pt_regs(current)): the object's place is checked while the kernel runs."""
    if node.operator not in ("==", "!=", "<", ">", "<=", ">="):
        return
    if not any(k.bare().type.cls is C.POINTER and k.value is not None and not k.value.place for k in node.kids):
        return
    if any(is_null(k) for k in node.kids):
        return
    check = ctx.written_in(node, ctx.interfaces.run_time_check)
    if check is None:
        return
    ctx.drop(node, ("stack-position",))
    traits = frozenset({"position", "end-anchored"})
    ctx.add("assert/run-time", node, traits=traits, needle=(ctx.written_name(check),))
