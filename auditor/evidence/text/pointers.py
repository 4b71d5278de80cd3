# SPDX-License-Identifier: GPL-2.0-only
"""The object as bytes or words, its neighbours, and its place on a stack."""

from __future__ import annotations

import re

from tree_sitter import Node

from auditor.evidence.text.context import Context, on, outer, statement_of
from auditor.evidence.text.parsing import Frame, bare, number, text_of
from auditor.evidence.text.sizes import is_size
from auditor.evidence.text.types import TARGET, Type, described

_WORD = 8
_ONE = 1
_HALF = 4
_COMPARED = frozenset({"<", ">", "<=", ">=", "==", "!="})


def _operands(node: Node) -> tuple[Node | None, str, Node | None]:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    return bare(left), text_of(node.child_by_field_name("operator")), bare(right)


def _cast(node: Node | None, ctx: Context) -> tuple[Type, Node] | None:
    """(type, value) of a cast."""
    node = bare(node)
    if node is None or node.type != "cast_expression":
        return None
    made = described(node.child_by_field_name("type"), ctx.scope.names)
    value = bare(node.child_by_field_name("value"))
    return (made, value) if made is not None and value is not None else None


def _words(node: Node | None, ctx: Context) -> tuple[Node, int] | None:
    """A pointer to the object that a cast made one to integers, or an integer: (the object, bytes of an element)."""
    cast = _cast(node, ctx)
    if cast is None or cast[0].is_object or cast[0].points or cast[0].pointers > 1:
        return None
    made, value = cast
    inner = _cast(value, ctx)
    if inner is not None and not inner[0].points:
        nested = _words(value, ctx)
        return (nested[0], made.width if made.pointers else 1) if nested and made.width else None
    known = ctx.scope.of(value)
    if known is None or not known.points or not made.width:
        return None
    return value, made.width if made.pointers else 1


@on("binary_expression")
def arithmetic(frame: Frame, ctx: Context) -> None:
    node = frame.node
    left, operator, right = _operands(node)
    if operator not in ("+", "-") or ctx.is_claimed(node):
        return
    for pointer, other in ((left, right), (right, left)) if operator == "+" else ((left, right),):
        if pointer is None or other is None:
            continue
        words = _words(pointer, ctx)
        if words is not None:
            _from_words(frame, words, pointer, other, operator, ctx)
            return
        known = ctx.scope.of(pointer)
        if known is not None and known.points:
            _from_pointer(frame, pointer, other, operator, ctx)
            return
    if operator == "-" and is_size(right, ctx) and number(left) is None:
        ctx.claim(right)
        ctx.claim(node)
        ctx.add("stack-position/definition", node, traits=_padding(frame, ctx))
    elif pointer is not None and _is_below(left, ctx):
        ctx.claim(node)
        ctx.add("stack-position/below", node, span=(-_WORD, 0), traits={"end-anchored"}, provenance="task")


def _from_words(frame: Frame, words: tuple[Node, int], pointer: Node, other: Node, operator: str, ctx: Context) -> None:
    node, (value, width) = frame.node, words
    kin = (ctx.scope.of(value) or Type("")).kin
    count = number(other)
    ctx.claim(pointer)
    accessor = value.type == "call_expression"
    if is_size(other, ctx):
        ctx.claim(other)
        ctx.add("stack-position/above", node, span=(0, 0), kin=kin)
    elif count is not None:
        lo = (count if operator == "+" else -count) * width
        if accessor and lo < 0:
            ctx.claim(value)
            ctx.add("stack-position/below", node, span=(lo, 0), traits={"end-anchored"}, provenance="task", kin=kin)
        else:
            cast = _cast(pointer, ctx)
            if cast is not None and not cast[0].pointers and lo % _HALF:
                # The object is aligned; a number that is not marks its address.
                ctx.add("unwind/encoded-pointer", node, kin=kin)
                return
            rule = "raw-offset/below" if lo < 0 else "raw-offset/constant"
            ctx.add(rule, node, span=(lo, lo + _WORD), kin=kin)
    elif bare(other) is not None and other.type in ("offsetof_expression", "sizeof_expression"):
        return
    else:
        ctx.add("raw-offset/computed" if width == _ONE else "cast/to-words", node, kin=kin)


def _from_pointer(frame: Frame, pointer: Node, other: Node, operator: str, ctx: Context) -> None:
    node = frame.node
    count = number(other)
    known = ctx.scope.of(pointer)
    if not count or known is None:
        return
    cast = _cast(pointer, ctx)
    ctx.claim(pointer)
    down = (operator == "-") == (count > 0)
    made_here = cast is not None and (ctx.scope.of(cast[1]) is None or not (ctx.scope.of(cast[1]) or Type("")).points)
    use = outer(frame)
    compared = use is not None and use.node.type == "binary_expression" and _operands(use.node)[1] in _COMPARED
    if made_here and down:
        ctx.add("stack-position/definition", node, traits=_padding(frame, ctx), kin=known.kin)
    elif compared:
        ctx.add("size/value", node, kin=known.kin)
    elif pointer.type == "call_expression" and not down:
        ctx.claim(pointer)
        ctx.add("stack-position/top", node, traits={"padding", "task-stack"}, kin=known.kin)
    elif not made_here:
        ctx.add("stack-position/below" if down else "stack-position/above", node, span=(0, 0), kin=known.kin)


def _is_below(node: Node | None, ctx: Context) -> bool:
    """A call of a function, or a local, of this file that yields an address below the object."""
    if node is None:
        return False
    name = text_of(node.child_by_field_name("function")) if node.type == "call_expression" else text_of(node)
    return name in ctx.below


def _padding(frame: Frame, ctx: Context) -> set[str]:
    named = set(re.findall(r"\w+", text_of(statement_of(frame))))
    arch = ctx.arch
    traits = {"padding"} if named & ({arch.stack_padding} | arch.stack_padded) else set()
    return traits | ({"task-stack"} if named & arch.task_stack else set())


@on("subscript_expression")
def indexed(frame: Frame, ctx: Context) -> None:
    """((unsigned long *)regs)[i], regs[1]"""
    node = frame.node
    argument, index = bare(node.child_by_field_name("argument")), node.child_by_field_name("index")
    if argument is None or ctx.is_claimed(node):
        return
    words = _words(argument, ctx)
    count = number(index)
    if words is not None:
        value, width = words
        kin = (ctx.scope.of(value) or Type("")).kin
        ctx.claim(argument)
        if count is None:
            ctx.add("cast/to-words", node, kin=kin)
        else:
            rule = "raw-offset/below" if count < 0 else "raw-offset/constant"
            ctx.add(rule, node, span=(count * width, (count + 1) * width), kin=kin)
        return
    known = ctx.scope.of(argument)
    if known is None or known.tag != TARGET:
        return
    if known.array and not known.pointers:
        if count != 0:
            ctx.add("embed/element", node, kin=known.kin)
    elif known.points and count:
        ctx.add("stack-position/above" if count > 0 else "stack-position/below", node, span=(0, 0), kin=known.kin)


@on("cast_expression")
def cast(frame: Frame, ctx: Context) -> None:
    node = frame.node
    found = _cast(node, ctx)
    if found is None or ctx.is_claimed(node):
        return
    made, value = found
    known = ctx.scope.of(value)
    if made.points:
        _to_object(frame, value, known, made, ctx)
    elif known is not None and known.points:
        if made.pointers == 1 and made.tag in ctx.scope.names.images:
            ctx.add("cast/to-struct", node, span=None, kin=known.kin)
        elif made.pointers == 1 and made.width >= 4:
            ctx.add("cast/to-words", node, kin=known.kin)
        elif not made.pointers and made.width == _WORD:
            ctx.add("stack-position/address", node, kin=known.kin)
    elif made.pointers == 1 and made.tag in ctx.scope.names.images and ctx.macro:
        ctx.add("cast/to-struct", node)


def _to_object(frame: Frame, value: Node, known: Type | None, made: Type, ctx: Context) -> None:
    use = outer(frame)
    if use is not None and use.node.type == "field_expression":
        # One site for the cast and the member that is reached through it.
        return
    if known is not None and known.points:
        return
    if value.type == "binary_expression" and text_of(value.child_by_field_name("operator")) in ("&", "|"):
        ctx.add("unwind/encoded-pointer", frame.node, kin=made.kin)
    elif value.type == "binary_expression" or (known is not None and not known.pointers and known.width == _WORD):
        if value.type == "binary_expression" and is_size(value.child_by_field_name("right"), ctx):
            return
        ctx.add("cast/from-integer", frame.node, kin=made.kin)
    elif known is not None and known.pointers and known.tag in ctx.scope.names.images:
        ctx.add("cast/to-struct", frame.node, kin=made.kin)
    elif known is not None and known.tag == "void":
        ctx.add("cast/type-erased", frame.node, kin=made.kin)


@on("pointer_expression")
def neighbour(frame: Frame, ctx: Context) -> None:
    """*((unsigned long *)regs)"""
    node = frame.node
    if text_of(node.child_by_field_name("operator")) != "*":
        return
    argument = bare(node.child_by_field_name("argument"))
    words = _words(argument, ctx)
    if words is not None and argument is not None:
        ctx.claim(argument)
        ctx.add("raw-offset/constant", node, span=(0, words[1]), kin=(ctx.scope.of(words[0]) or Type("")).kin)
