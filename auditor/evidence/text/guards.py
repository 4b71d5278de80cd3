# SPDX-License-Identifier: GPL-2.0-only
"""Compile-time guards on the layout: what stops the build, as far as it is made of numbers and the layout alone."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from auditor.evidence.text.context import Context
from auditor.evidence.text.parsing import bare, number, text_of
from auditor.evidence.text.types import TARGET, Type, described
from auditor.model import Expression, Guard

_BINARY = frozenset({"==", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^", "&&", "||"})
_UNARY = frozenset({"!", "-", "~"})
_DEEPEST = 40


def guard(call: Node, ctx: Context) -> None:
    arguments = call.child_by_field_name("arguments")
    condition = arguments.named_children[0] if arguments is not None and arguments.named_children else None
    stops = ctx.around.words.guards.get(text_of(call.child_by_field_name("function")))
    read = _expression(condition, ctx) if condition is not None and stops is not None else None
    if read is None:
        ctx.add("assert/build", call, traits={"undecided"})
        return
    # The numbers of another layout are not known here.
    line, _ = ctx.line_of(call.start_byte + ctx.shift)
    elsewhere = ctx.world.traits(line)
    traits = {*_size(read), *(("measured",) if elsewhere else ())}
    fields = tuple(dict.fromkeys(_members(read)))
    found = Guard(read, positive=stops == "false", lines=ctx.world.branch(line))
    ctx.add("assert/build", call, fields=fields, guard=found, traits=traits)


def _expression(node: Node | None, ctx: Context, depth: int = 0) -> Expression | None:
    node = bare(node)
    if node is None or depth > _DEEPEST:
        return None
    if (count := number(node)) is not None:
        return ("const", count)
    kind, operator = node.type, text_of(node.child_by_field_name("operator"))
    if kind == "sizeof_expression":
        return ("sizeof",) if _is_target(_type(node, ctx)) else None
    if kind == "offsetof_expression":
        member = text_of(node.child_by_field_name("member"))
        return ("offsetof", ctx.member(member)) if _is_target(_type(node, ctx)) and member.isidentifier() else None
    if kind == "binary_expression" and operator in _BINARY:
        left = _expression(node.child_by_field_name("left"), ctx, depth + 1)
        right = _expression(node.child_by_field_name("right"), ctx, depth + 1)
        return (operator, left, right) if left is not None and right is not None else None
    if kind == "unary_expression" and operator in _UNARY:
        inner = _expression(node.child_by_field_name("argument"), ctx, depth + 1)
        return (operator, inner) if inner is not None else None
    return None


def _type(node: Node, ctx: Context) -> Type | None:
    return described(node.child_by_field_name("type"), ctx.scope.names)


def _is_target(made: Type | None) -> bool:
    return made is not None and made.tag == TARGET and not made.pointers and not made.array and not made.kin


def _members(expression: Expression) -> Iterator[str]:
    match expression:
        case ("offsetof", str(name)):
            yield name
        case _:
            for part in expression:
                if isinstance(part, tuple):
                    yield from _members(part)


def _size(expression: Expression) -> set[str]:
    if expression == ("sizeof",):
        return {"measures-size"}
    return {trait for part in expression if isinstance(part, tuple) for trait in _size(part)}
