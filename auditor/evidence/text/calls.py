# SPDX-License-Identifier: GPL-2.0-only
"""Calls by name: accessors, helpers that take a register by number, carriers of register images, block operations."""

from __future__ import annotations

from tree_sitter import Node

from auditor.evidence.text.context import Context, on, outer
from auditor.evidence.text.declarations import origin_of, taken_address
from auditor.evidence.text.parsing import Frame, bare, text_of

_KEEPS = frozenset({"memset", "memcpy", "memcmp", "memmove"})


@on("call_expression")
def called(frame: Frame, ctx: Context) -> None:
    node = frame.node
    name = text_of(node.child_by_field_name("function"))
    if ctx.is_claimed(node) or not name:
        return
    if name not in _KEEPS:
        _escapes(node, ctx)
    arch, faces = ctx.arch, ctx.around.interfaces
    known = arch.accessors.get(name)
    if known is not None:
        if known.result == "object":
            ctx.add("stack-position/object", node, traits={"end-anchored"}, provenance="task")
        else:
            rule = "stack-position/compat" if known.origin.startswith("compat") else "stack-position/field"
            ctx.add(rule, node, fields=(known.result,), traits={"end-anchored"}, provenance="task")
    elif name in arch.by_number:
        rule = arch.by_number[name]
        fields = (arch.stack_pointer,) if rule == "stack-position/interrupted-stack" else ()
        ctx.add(rule, node, fields=fields)
    elif name in arch.stack_calls:
        ctx.add("stack-position/hardware-top", node, traits=_padded(node, ctx))
    elif name in arch.stack_tops:
        ctx.add("stack-position/top", node, traits={"padding", "task-stack"} if name in arch.stack_padded else ())
    elif name in faces.register_image or name in ctx.around.words.image_calls:
        ctx.add("uapi-export/regset", node)
    elif name in faces.bpf_run and _hands_on(node, ctx):
        ctx.add("bpf-ctx/program-context", node)
    elif name in ctx.around.words.bpf.loads and _tainted(node, ctx):
        ctx.add("offsetof/table-use", node)


def _escapes(node: Node, ctx: Context) -> None:
    for argument in _arguments(node):
        inner = bare(argument)
        if inner is not None and inner.type == "cast_expression":
            inner = bare(inner.child_by_field_name("value"))
        if (name := taken_address(inner)) is not None:
            ctx.escape(name)


def _arguments(node: Node) -> list[Node]:
    arguments = node.child_by_field_name("arguments")
    return arguments.named_children if arguments is not None else []


def _hands_on(node: Node, ctx: Context) -> bool:
    return any((t := ctx.scope.of(a)) is not None and t.points for a in _arguments(node))


def _tainted(node: Node, ctx: Context) -> bool:
    return any(a.type == "identifier" and text_of(a) in ctx.tainted for a in _arguments(node))


def _padded(node: Node, ctx: Context) -> set[str]:
    return {"padding"} if ctx.arch.stack_padding in text_of(node) else set()


@on("assignment_expression")
def assigned(frame: Frame, ctx: Context) -> None:
    """Where a pointer came from; a pointer that others find; the struct copied by assignment."""
    node = frame.node
    left, right = bare(node.child_by_field_name("left")), bare(node.child_by_field_name("right"))
    if left is None or right is None or text_of(node.child_by_field_name("operator")) != "=":
        return
    if (taken := taken_address(right)) is not None:
        ctx.escape(taken)
    made = ctx.scope.of(left)
    if left.type == "identifier":
        name = text_of(left)
        origin = origin_of(right, ctx)
        if origin and ctx.scope.depth > 1:
            ctx.scope.came_from(name, origin)
        if right.type == "call_expression":
            function = text_of(right.child_by_field_name("function"))
            if function in ctx.below:
                ctx.below.add(name)
            if ctx.arch.by_number.get(function) == "offsetof/by-name":
                ctx.tainted.add(name)
        if made is not None and made.points and not ctx.scope.is_local(name) and ctx.function:
            ctx.add("callback/published", node, kin=made.kin)
    other = ctx.scope.of(right)
    if made is not None and made.is_object and not made.array and other is not None and other.is_object:
        traits = {"entry-object"} if "task" in (_origin(left, ctx), _origin(right, ctx)) else set()
        ctx.add("size/copy", node, traits=traits, kin=made.kin)


def _origin(node: Node, ctx: Context) -> str:
    if node.type == "pointer_expression":
        inner = bare(node.child_by_field_name("argument"))
        if inner is not None and inner.type == "call_expression":
            return origin_of(inner, ctx)
        return ctx.scope.origin(text_of(inner))
    return ctx.scope.origin(text_of(node))


@on("return_statement")
def returned(frame: Frame, ctx: Context) -> None:
    """A function that yields an address below the object hands the dependence on to its callers."""
    for child in frame.node.named_children:
        inner = bare(child)
        if inner is None or inner.type != "binary_expression" or not ctx.function:
            continue
        left = bare(inner.child_by_field_name("left"))
        if left is None or text_of(inner.child_by_field_name("operator")) != "-":
            continue
        if left.type == "call_expression" and text_of(left.child_by_field_name("function")) in ctx.below:
            ctx.below.add(ctx.function)
        elif left.type == "cast_expression":
            value = bare(left.child_by_field_name("value"))
            if value is not None and origin_of(value, ctx) == "task":
                ctx.below.add(ctx.function)


@on("identifier")
def named(frame: Frame, ctx: Context) -> None:
    """A stack's top, by its name."""
    node = frame.node
    name = text_of(node)
    if name not in ctx.arch.stack_tops:
        return
    use = outer(frame)
    if use is not None and use.node.type == "call_expression":
        return
    ctx.add("stack-position/top", node, traits={"padding", "task-stack"} if name in ctx.arch.stack_padded else ())
