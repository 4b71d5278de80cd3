# SPDX-License-Identifier: GPL-2.0-only
"""size: sizeof the struct, whole-struct copy, clear, compare; sizeof what holds it."""

from __future__ import annotations

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, provenance
from auditor.evidence.c.measure import is_sizeof, measured_class, target_member
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.evidence.c.values import Value
from auditor.kinds.dispatch import on


def _frames(target: Value | None, source: Value | None = None) -> frozenset[str]:
    """`entry-object`: what is written lies where the entry code expects a frame. `made-here`: what is read was made by
    C, whole, as far as local dataflow knows. `own-source`: it is an object of the function's own."""
    traits = set()
    if target is not None and target.origin in ("task", "entry", "built"):
        traits.add("entry-object")
    if source is not None and source.origin == "fabricated":
        traits.add("own-source")
    known = source if source is not None else target
    if known is not None and (known.origin in ("task", "fabricated", "built") or known.origin.startswith("container:")):
        traits.add("made-here")
    return frozenset(traits)


def _untyped(*sides: Node) -> frozenset[str]:
    """`untyped`: one side is memory without a type, which only a cast calls the struct."""
    casts = (n for side in sides for n in side.walk() if n.kind == K.CSTYLE_CAST_EXPR and n.type.cls is C.POINTER)
    called = any(n.value is not None and n.value.origin == "cast" and _void(n.kids[-1]) for n in casts)
    return frozenset({"untyped"} if called or any(s.value is None and _void(s.bare()) for s in sides) else ())


def _void(node: Node) -> bool:
    return node.type.cls is C.VOID_POINTER


@on(K.SIZEOF_EXPR)
def value(node: Node, ctx: Context) -> None:
    # Its operand is not evaluated: nothing is read there.
    ctx.drop(node)
    measured = measured_class(node)
    if is_sizeof(node, ctx):
        use = node.use()
        length = use is not None and use.kind == K.CALL_EXPR
        traits = frozenset({"length"}) if length else frozenset()
        ctx.add("size/value", node, bytes=(0, ctx.layout.size), traits=traits, needle=("sizeof",))
    elif measured is C.CONTAINER:
        ctx.add("size/container", node, needle=("sizeof",))


@on(K.BINARY_OPERATOR)
def tail_distance(node: Node, ctx: Context) -> None:
    """sizeof(struct) - offsetof(member)."""
    if node.operator != "-":
        return
    left, right = (k.bare() for k in node.kids)
    name = target_member(right, ctx)
    if not name and right.kind == K.UNEXPOSED_EXPR:
        name = target_member(right.bare(), ctx)
    field = ctx.layout.get(name) if name else None
    if field is None or not is_sizeof(left, ctx):
        return
    ctx.drop(left, ("size",))
    if ctx.expansion(right.kids[-1]) is None:
        ctx.drop(right, ("offsetof",))
    ctx.add("size/tail-distance", node, fields=(name,), bytes=(field.offset, ctx.layout.size), needle=("sizeof",))


@on(K.BINARY_OPERATOR)
def assignment(node: Node, ctx: Context) -> None:
    if node.operator == "=" and node.type.cls is C.OBJECT and not _initialises(node.kids[1]):
        _whole("size/copy", node, ctx, node.kids[0].value, node.kids[1].value)
    elif node.operator == "=" and node.type.cls is C.OBJECT:
        _whole("size/clear", node, ctx, node.kids[0].value)


@on(K.VAR_DECL)
def initialised(node: Node, ctx: Context) -> None:
    last = node.kids[-1] if node.kids else None
    if last is None or last.kind < K.UNEXPOSED_EXPR or node.type.cls is not C.OBJECT:
        return
    if last.type.cls is C.OBJECT and not _initialises(last):
        _whole("size/copy", node, ctx, Value(origin="fabricated"), last.value)


def _initialises(node: Node) -> bool:
    return node.bare().kind in (K.INIT_LIST_EXPR, K.COMPOUND_LITERAL)


def _whole(rule: str, node: Node, ctx: Context, *values: Value | None) -> None:
    origins = [v for v in values if v is not None]
    for value in node.kids:
        # `*dst = *task_pt_regs(t)` copies an object; where it was found is part of that.
        ctx.drop(value, ("stack-position",))
    needle = ("*",) if node.kind == K.BINARY_OPERATOR else ("=",)
    ctx.add(
        rule,
        node,
        bytes=(0, ctx.layout.size),
        provenance=provenance(origins[-1] if origins else None),
        traits=_frames(*values) | _untyped(*node.kids),
        needle=needle,
    )


@on(K.CALL_EXPR)
def memory_call(node: Node, ctx: Context) -> None:
    """memcpy, memset, memcmp over the whole object, or over some bytes of it."""
    names = ctx.interfaces
    for rule, wanted in (("size/copy", names.copy), ("size/clear", names.clear), ("size/compare", names.compare)):
        if node.name not in wanted or len(node.kids) < 3:
            continue
        whole = ctx.written_in(node, wanted) or node
        arguments = node.kids[1:]
        length = ctx.constant(arguments[-1])
        touched = [(a, a.value) for a in arguments[:-1] if a.value is not None and not a.value.place]
        if not touched:
            return
        sized = any(is_sizeof(n, ctx) for n in whole.walk())
        measured = sized or ctx.measured(arguments[-1])
        for argument, value in touched:
            # The first argument is what is written.
            ends = (value, None) if argument is arguments[0] else (arguments[0].value, value)
            _memory(rule, whole, value, length, (sized, measured), _frames(*ends) | _untyped(*arguments[:-1]), ctx)
        return


def _memory(
    rule: str,
    whole: Node,
    value: Value,
    length: int | None,
    form: tuple[bool, bool],
    traits: frozenset[str],
    ctx: Context,
) -> None:
    """`form`: (the length is written with sizeof the target, it is written with sizeof or offsetof)."""
    sized, measured = form
    if not value.anchor and value.offset == 0 and (sized or length == ctx.layout.size):
        ctx.drop(whole, ("size", "cast", "stack-position"))
        span = (0, ctx.layout.size)
        ctx.add(rule, whole, bytes=span, provenance=provenance(value), traits=traits, needle=(ctx.written_name(whole),))
        return
    if measured:
        # A length made of offsetof follows the struct and is a site of its own.
        return
    span_or_none = None
    if value.offset is not None and length is not None:
        span_or_none = (value.offset, value.offset + length)
    if value.anchor:
        field = ctx.layout.get(value.anchor)
        if field is None or (length is not None and not value.moved and length <= field.size):
            return
        ctx.drop(whole, ("field", "size", "order"))
        names = ctx.layout.covering(*span_or_none) if span_or_none else (value.anchor,)
        anchor = frozenset({f"anchor={value.anchor}"})
        ctx.add(
            "order/range-copy", whole, fields=names, bytes=span_or_none, traits=anchor, provenance=provenance(value)
        )
    else:
        ctx.drop(whole, ("raw-offset", "cast"))
        if span_or_none is None:
            ctx.add("raw-offset/computed", whole, provenance=provenance(value))
            return
        outside = "below" if span_or_none[0] < 0 else "past-end" if span_or_none[1] > ctx.layout.size else "constant"
        names = ctx.layout.covering(*span_or_none)
        ctx.add(f"raw-offset/{outside}", whole, fields=names, bytes=span_or_none, provenance=provenance(value))
