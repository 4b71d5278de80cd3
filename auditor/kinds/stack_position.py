# SPDX-License-Identifier: GPL-2.0-only
"""stack-position: where the object lies on a stack, and what lies at a stack's top."""

from __future__ import annotations

import re

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, provenance
from auditor.evidence.c.measure import is_sizeof
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.evidence.c.values import Value
from auditor.kinds.dispatch import on


@on(K.STMT_EXPR, K.PAREN_EXPR, K.CALL_EXPR, K.CSTYLE_CAST_EXPR, K.MEMBER_REF_EXPR)
def accessor(node: Node, ctx: Context) -> None:
    """task_pt_regs(t), KSTK_EIP(t): the use of an accessor, at the place where it is written."""
    name = ctx.accessor_of(node) if node.kind != K.CALL_EXPR else node.name
    known = ctx.arch.accessors.get(name)
    if known is None:
        return
    if node.kind != K.CALL_EXPR and ctx.expansion(node) is None:
        return
    if known.result == "object":
        if node.type.cls is C.POINTER:
            traits = frozenset({"end-anchored"})
            ctx.add("stack-position/object", node, provenance="task", traits=traits, caller=True)
            for inner in ctx.arch.accessors if ctx.expansion(node) else ():
                if inner != name and ctx.unit.expansions.writes(name, inner):
                    # One accessor defined by another: the definition depends on where the object lies, too.
                    ctx.add("stack-position/object", node, provenance="task", traits=traits, needle=(inner,))
        return
    if node.type.cls is not C.INTEGER and node.type.cls is not C.OTHER:
        return
    field = ctx.layout.get(known.result)
    if field is None:
        return
    rule = "stack-position/compat" if known.origin.startswith("compat") else "stack-position/field"
    span = (field.offset, field.offset + field.size)
    traits = frozenset({"end-anchored"})
    ctx.add(rule, node, fields=(field.name,), bytes=span, provenance="task", traits=traits, caller=True)


@on(K.BINARY_OPERATOR)
def around(node: Node, ctx: Context) -> None:
    """regs + 1, regs - 1, and (struct pt_regs *)top - 1."""
    if node.operator not in ("+", "-") or node.type.cls is not C.POINTER or len(node.kids) != 2:
        return
    pointer, number = node.kids
    if pointer.type.cls is not C.POINTER:
        pointer, number = number, pointer
    value = pointer.value
    count = ctx.constant(number)
    if value is None or value.place or not count:
        return
    down = (node.operator == "-") == (count > 0)
    if value.origin == "cast" and down:
        ctx.drop(pointer, ("cast", "stack-position/top"))
        ctx.add("stack-position/definition", node, traits=_padding(node, ctx), needle=("-", "1"))
    elif value.origin == "task" and not down and count == 1:
        # The end of an object that was found from the stack's end is that end again, whatever the struct's size.
        ctx.drop(pointer, ("stack-position",))
        ctx.add("stack-position/top", node, traits=frozenset({"padding", "task-stack"}), needle=("+", "1"))
    elif _compared(node):
        # A bound: it follows the size.
        ctx.drop(pointer, ("stack-position",))
        ctx.add("size/value", node, bytes=(0, ctx.layout.size), needle=("+", "1"))
    elif value.origin not in ("fabricated", "cast") and not value.origin.startswith("container:"):
        ctx.drop(pointer, ("stack-position",))
        rule = "stack-position/below" if down else "stack-position/above"
        size = ctx.layout.size
        span = (-size * abs(count), 0) if down else (size, size)
        traits = frozenset({"end-anchored"}) if value.direct else frozenset()
        ctx.add(rule, node, bytes=span, provenance=provenance(value), traits=traits, needle=("-" if down else "+", "1"))


def _compared(node: Node) -> bool:
    use = node.use()
    while use is not None and use.kind == K.CSTYLE_CAST_EXPR:
        use = use.use()
    return use is not None and use.kind == K.BINARY_OPERATOR and use.operator in ("<", ">", "<=", ">=", "==", "!=")


@on(K.FUNCTION_DECL)
def filled_here(node: Node, ctx: Context) -> None:
    """The object whose place is computed is written member by member, or whole from an object of the function's own:
    C makes the frame, and makes all of it."""
    drafts = [d for ds in ctx.drafts.values() for d in ds]
    built = [d for d in drafts if d.rule == "stack-position/definition"]
    if not built:
        return
    written = {
        d.fields[0]
        for d in drafts
        if d.rule == "field/write" and d.node.value is not None and d.node.value.origin == "built"
    }
    copied = any(d.rule == "size/copy" and {"entry-object", "own-source"} <= d.traits for d in drafts)
    if copied or {ctx.arch.instruction_pointer, ctx.arch.stack_pointer} <= written:
        for draft in built:
            draft.traits |= {"filled-here"}


@on(K.ARRAY_SUBSCRIPT_EXPR)
def neighbour(node: Node, ctx: Context) -> None:
    """regs[1]: what lies where the next object would be."""
    base, index = node.kids
    count = ctx.constant(index)
    value = base.value
    if base.type.cls is not C.POINTER or value is None or value.place or not count:
        return
    if value.origin in ("unknown", "task", "entry", "compat"):
        size = ctx.layout.size
        rule = "stack-position/above" if count > 0 else "stack-position/below"
        span = (size, size) if count > 0 else (size * count, 0)
        ctx.add(rule, node, bytes=span, provenance=provenance(value), needle=("[",))


@on(K.BINARY_OPERATOR)
def past_by_size(node: Node, ctx: Context) -> None:
    """(void *)regs + sizeof(*regs)."""
    use = node.use()
    if node.operator != "+" or node.type.cls is C.POINTER or len(node.kids) != 2:
        return
    if use is not None and use.kind == K.BINARY_OPERATOR and use.operator in ("+", "-"):
        return
    for pointer, number in (node.kids, node.kids[::-1]):
        value = pointer.value
        if value is not None and not value.place and value.offset == 0 and is_sizeof(number.bare(), ctx):
            ctx.drop(node, ("size", "raw-offset", "stack-position"))
            size = ctx.layout.size
            ctx.add("stack-position/above", node, bytes=(size, size), provenance=provenance(value), needle=("sizeof",))
            return


@on(K.BINARY_OPERATOR)
def top_minus_size(node: Node, ctx: Context) -> None:
    """top - sizeof(struct pt_regs), in integers or bytes."""
    if node.operator != "-" or node.type.cls is C.POINTER or len(node.kids) != 2:
        return
    left, right = node.kids
    if not is_sizeof(right.bare(), ctx) or ctx.constant(left) is not None or left.value is not None:
        return
    ctx.drop(right, ("size",))
    ctx.drop(left, ("stack-position/top",))
    node.value = Value(origin="built")
    ctx.add("stack-position/definition", node, traits=_padding(node, ctx), needle=("sizeof",))


def _padding(node: Node, ctx: Context, besides: str = "") -> frozenset[str]:
    """`padding`: the computation names the macro that keeps room above the frame, or a top computed with it.
    `task-stack`: it is about a task's stack, the only one that has such room."""
    expansion = ctx.expansion(node)
    if expansion is not None and not besides:
        find = ctx.unit.expansions.find
        place = find(expansion.name, ("-", "1"), 0) or find(expansion.name, ("sizeof",), 0)
        if place is None:
            return frozenset()
        text = ctx.unit.sources.get(place.macro.path).text[place.macro.body : place.macro.end]
    else:
        text = _text_about(node, ctx)
    named = set(re.findall(r"\w+", text)) - {besides}
    traits = {"padding"} if named & ({ctx.arch.stack_padding} | ctx.arch.stack_padded) else set()
    return frozenset(traits | ({"task-stack"} if named & ctx.arch.task_stack else set()))


def _text_about(node: Node, ctx: Context) -> str:
    """The statement around the node, and the statements that set the variables it reads."""
    function = ctx.unit.source(ctx.root.place[0]).text
    lo, hi = ctx.root.span()
    body = function[lo:hi]
    names = {n.name for n in node.walk() if n.kind == K.DECL_REF_EXPR and n.type.cls is not C.FUNCTION}
    lines = [
        ctx.text(node),
        *(s for s in body.split(";") if any(re.search(rf"\b{re.escape(n)}\b\s*[-+]?=[^=]", s) for n in names)),
    ]
    return " ".join(lines)


@on(K.MEMBER_REF_EXPR)
def interrupted(node: Node, ctx: Context) -> None:
    """The saved stack pointer used as an address: memory of the interrupted stack."""
    if node.name != ctx.arch.stack_pointer or node.value is None or not node.value.anchor:
        return
    use = node.use()
    while use is not None and use.kind in (K.CSTYLE_CAST_EXPR, K.BINARY_OPERATOR) and not use.type.is_pointer:
        if use.kind == K.BINARY_OPERATOR and use.operator not in ("+", "-"):
            break
        use = use.use()
    if use is None:
        return
    masked = use.kind == K.BINARY_OPERATOR and use.operator == "&"
    if not masked and not (use.kind == K.CSTYLE_CAST_EXPR and use.type.is_pointer):
        return
    field = ctx.layout.get(node.name)
    if field is None or any(d.rule.startswith("stack-position") for d in ctx.drafts.get(id(node), ())):
        return
    ctx.drop(node, ("field",))
    span = (field.offset, field.offset + field.size)
    prov = provenance(node.value)
    needle = ("->|.", node.name)
    ctx.add("stack-position/interrupted-stack", node, fields=(node.name,), bytes=span, provenance=prov, needle=needle)


@on(K.CALL_EXPR)
def interrupted_call(node: Node, ctx: Context) -> None:
    if ctx.arch.by_number.get(node.name) == "stack-position/interrupted-stack":
        field = ctx.layout.get(ctx.arch.stack_pointer)
        names = (field.name,) if field else ()
        ctx.add("stack-position/interrupted-stack", node, fields=names, needle=(node.name,))


@on(K.BINARY_OPERATOR)
def hardware_field(node: Node, ctx: Context) -> None:
    """tss->sp0 = ...: the hardware pushes its frame right below that address."""
    if node.operator != "=":
        return
    target = node.kids[0].bare()
    while target.kind == K.ARRAY_SUBSCRIPT_EXPR:
        target = target.kids[0].bare()
    if target.kind == K.MEMBER_REF_EXPR and f"{target.field_owner()}.{target.name}" in ctx.arch.stack_fields:
        _hardware(node, ctx)


@on(K.MEMBER_REF_EXPR)
def hardware_per_cpu(node: Node, ctx: Context) -> None:
    """this_cpu_write(tss.x86_tss.sp0, ...)"""
    if f"{node.field_owner()}.{node.name}" in ctx.arch.stack_fields and node.name in ctx.arch.stack_members:
        written = ctx.written_in(node, ctx.interfaces.publish)
        if written is not None and not any(
            d.rule == "stack-position/hardware-top" for d in ctx.drafts.get(id(written), ())
        ):
            _hardware(written, ctx)


@on(K.CALL_EXPR)
def hardware_call(node: Node, ctx: Context) -> None:
    if node.name in ctx.arch.stack_calls and len(node.kids) > 1:
        _hardware(node, ctx)


def _hardware(node: Node, ctx: Context) -> None:
    ctx.drop(node, ("stack-position",))
    ctx.add("stack-position/hardware-top", node, traits=_padding(node, ctx), caller=True)


@on(K.DECL_REF_EXPR, K.CALL_EXPR, K.PAREN_EXPR, K.BINARY_OPERATOR, K.STMT_EXPR)
def top(node: Node, ctx: Context) -> None:
    """A stack's top, computed or published without the struct."""
    name = node.name if node.kind in (K.DECL_REF_EXPR, K.CALL_EXPR) else ctx.written_name(node)
    if name not in ctx.arch.stack_tops or ctx.within_same(node) or _reported_here(node, ctx):
        return
    published = ctx.written_in(node, ctx.interfaces.publish) if node.kind == K.DECL_REF_EXPR else None
    if published is not None:
        # The variable that keeps the top is written: what it is set to decides.
        ctx.drop(published, ("stack-position/top",))
        if not _reported_here(published, ctx):
            ctx.add("stack-position/top", published, traits=_padding(published, ctx, name), caller=True)
        return
    traits = frozenset({"padding", "task-stack"}) if name in ctx.arch.stack_padded else frozenset()
    ctx.add("stack-position/top", node, traits=traits, caller=True)
    if ctx.unit.expansions.writes(name, ctx.arch.stack_padding):
        ctx.add("stack-position/top", node, traits=traits, body=True)


def _reported_here(node: Node, ctx: Context) -> bool:
    offset = node.place[3]
    return any(
        d.rule == "stack-position/top" and d.node.place[3] <= offset < max(d.node.place[3] + 1, _end(d.node, ctx))
        for drafts in ctx.drafts.values()
        for d in drafts
    )


def _end(node: Node, ctx: Context) -> int:
    return max(node.span()[1], ctx.unit.source(node.place[0]).call_end(node.place[3]))
