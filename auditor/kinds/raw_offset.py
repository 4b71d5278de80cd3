# SPDX-License-Identifier: GPL-2.0-only
"""raw-offset: bytes of the object reached by a number that does not come from the struct."""

from __future__ import annotations

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, is_local, provenance
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.evidence.c.values import Value
from auditor.kinds.dispatch import on

_COMPARISONS = {"<", ">", "<=", ">=", "==", "!=", "&", "|", "^", ">>", "<<", "%", "/", "*", "&&", "||"}


def rule_for(lo: int, hi: int, ctx: Context) -> str:
    if lo < 0:
        return "raw-offset/below"
    return "raw-offset/past-end" if hi > ctx.layout.size else "raw-offset/constant"


def report(node: Node, value: Value, width: int, ctx: Context) -> None:
    """A site for `width` bytes at `value`; what was said of the pieces of the expression is taken back."""
    if value.origin == "by-number":
        return
    if value.symbolic and value.offset is not None:
        _symbolic(node, value, ctx)
        return
    ctx.drop(node, ("cast", "raw-offset", "stack-position/address", "field"))
    needle = ("*",) if node.kind == K.UNARY_OPERATOR else ("+|-|[",)
    if value.offset is None:
        words = node.kind == K.ARRAY_SUBSCRIPT_EXPR and width > 1
        rule = "cast/to-words" if words or _walks_words(node) else "raw-offset/computed"
        traits = frozenset({"literal"}) if value.literal and rule == "raw-offset/computed" else frozenset()
        ctx.add(rule, node, provenance=provenance(value), traits=traits, needle=needle)
        return
    if value.offset < 0 and node.kind == K.BINARY_OPERATOR:
        # Nothing is read: the address in front of the object is a place on the stack.
        ctx.drop(node, ("stack-position",))
        traits = frozenset({"end-anchored"}) if _from_accessor(node) else frozenset()
        span = (value.offset, 0)
        ctx.add("stack-position/below", node, bytes=span, provenance=provenance(value), traits=traits, needle=("-",))
        return
    span = (value.offset, value.offset + max(width, 1))
    names = ctx.layout.covering(*span)
    at = _number(node, ctx)
    prov = provenance(value)
    ctx.add(rule_for(*span, ctx), node, fields=names, bytes=span, provenance=prov, needle=needle, at=at)


def _walks_words(node: Node) -> bool:
    """`*p` or `p + n` on a pointer to words whose index is known at run time only."""
    pointer = node.kids[0] if node.kind == K.UNARY_OPERATOR else node
    inner = pointer.bare()
    if inner.kind == K.CSTYLE_CAST_EXPR:
        return False
    return pointer.type.cls is C.DATA_POINTER and pointer.type.step > 1


def _from_accessor(node: Node) -> bool:
    return any(n.value is not None and n.value.direct for n in node.walk())


def _number(node: Node, ctx: Context) -> Node | None:
    """WORD(regs, 19): the macro reaches the bytes, the caller's number says which."""
    if ctx.expansion(node) is None:
        return None
    literals = [n for n in node.walk() if n.kind == K.INTEGER_LITERAL and ctx.expansion(n) is None]
    return literals[-1] if literals else None


def _symbolic(node: Node, value: Value, ctx: Context) -> None:
    """An offset made of offsetof follows the struct; only where a macro hides it, the place needs a site of its own."""
    if ctx.has_below(node, "offsetof"):
        return
    field = next((f for f in ctx.layout.fields if f.offset == value.offset), None)
    if field is not None:
        span = (field.offset, field.offset + field.size)
        ctx.add(
            "offsetof/value", node, fields=(field.name,), bytes=span, provenance=provenance(value), needle=("offsetof",)
        )


@on(K.UNARY_OPERATOR)
def dereference(node: Node, ctx: Context) -> None:
    kid = node.kids[0] if node.kids else None
    if node.operator != "*" or kid is None or kid.value is None or kid.value.place or kid.type.cls is C.POINTER:
        return
    if not kid.value.anchor and node.type.cls is not C.OBJECT:
        report(node, kid.value, kid.type.step, ctx)


@on(K.ARRAY_SUBSCRIPT_EXPR)
def subscript(node: Node, ctx: Context) -> None:
    base = next((k for k in node.kids if k.value is not None), None)
    if base is None or node.value is None or base.type.cls in (C.POINTER, C.ARRAY) or node.value.anchor:
        return
    if not base.value.place:  # type: ignore[union-attr]
        report(node, node.value, base.type.step, ctx)


@on(K.BINARY_OPERATOR)
def arithmetic(node: Node, ctx: Context) -> None:
    """The sum itself, where it leaves the expression: returned, passed on, stored."""
    value = node.value
    if node.operator not in ("+", "-") or value is None or value.place or not value.moved or value.anchor:
        return
    if node.type.cls is C.POINTER or not leaves(node):
        return
    if ctx.function in ctx.interfaces.encode:
        ctx.drop(node)
        ctx.add("unwind/encoded-pointer", node, provenance=provenance(value))
        return
    report(node, value, _pointee(node), ctx)


def _pointee(node: Node) -> int:
    """Width of what a sum points to, seen through the casts around it."""
    parent = node.use()
    while parent is not None and parent.kind == K.CSTYLE_CAST_EXPR:
        node, parent = parent, parent.use()
    return node.type.step if node.type.is_pointer and node.type.cls is C.DATA_POINTER else 1


def leaves(node: Node) -> bool:
    """The expression around it does not use the value up: no dereference, no more arithmetic, no local variable."""
    parent = node.use()
    while parent is not None and parent.kind == K.CSTYLE_CAST_EXPR:
        parent = parent.use()
    consumers = (K.UNARY_OPERATOR, K.ARRAY_SUBSCRIPT_EXPR, K.MEMBER_REF_EXPR, K.VAR_DECL)
    if parent is None or parent.kind in consumers:
        return False
    if parent.kind == K.BINARY_OPERATOR:
        if parent.operator in ("+", "-"):
            return False
        if parent.operator == "=":
            return not is_local(parent.kids[0])
        return parent.operator not in _COMPARISONS
    return parent.kind != K.CONDITIONAL


@on(K.CALL_EXPR)
def accessor(node: Node, ctx: Context) -> None:
    """A helper that yields a pointer to a register chosen by number."""
    rule = ctx.arch.by_number.get(node.name, "")
    named = rule.startswith("raw-offset/")
    words = node.type.cls is C.DATA_POINTER and node.type.step in (4, 8)
    arguments = node.kids[1:]
    takes = any(_is_object(a) for a in arguments)
    numbered = any(a.type.cls is C.INTEGER for a in arguments)
    if named or (not rule and words and takes and numbered):
        ctx.add("raw-offset/accessor", node, needle=(node.name,))
        if node.type.cls is C.DATA_POINTER:
            # What it points to was chosen by number: this call is the site, not what is done with the result.
            node.value = Value(offset=None, moved=True, symbolic=True, origin="by-number")


def _is_object(node: Node) -> bool:
    value = node.value
    return node.type.cls is C.POINTER and value is not None and not value.place and not value.moved
