# SPDX-License-Identifier: GPL-2.0-only
"""Objects and pointers that are declared: on the C stack, static, inside other types; functions that get them."""

from __future__ import annotations

from dataclasses import replace

from tree_sitter import Node

from auditor.evidence.text.context import Context, on
from auditor.evidence.text.parsing import Frame, bare, text_of
from auditor.evidence.text.types import TARGET, Declarator, Type, base_type, declarator


def _declarators(node: Node) -> list[Node]:
    return node.children_by_field_name("declarator")


def _callback(shape: Declarator, node: Node, ctx: Context) -> None:
    if shape.function == "pointer" and _takes_object(shape.parameters, ctx):
        ctx.add("callback/type", node, head=True)


def _takes_object(parameters: Node | None, ctx: Context) -> bool:
    for parameter in parameters.named_children if parameters is not None else ():
        if parameter.type == "parameter_declaration":
            made = base_type(parameter.child_by_field_name("type"), ctx.scope.names)
            shape = declarator(parameter.child_by_field_name("declarator"))
            if made is not None and replace(made, pointers=shape.pointers).points:
                return True
    return False


def origin_of(value: Node | None, ctx: Context) -> str:
    value = bare(value)
    if value is None:
        return ""
    if value.type == "call_expression":
        known = ctx.arch.accessors.get(text_of(value.child_by_field_name("function")))
        return "task" if known is not None and known.result == "object" else ""
    if value.type == "pointer_expression":
        inner = bare(value.child_by_field_name("argument"))
        return ctx.scope.origin(text_of(inner)) if inner is not None and inner.type == "identifier" else ""
    return ctx.scope.origin(text_of(value)) if value.type == "identifier" else ""


def taken_address(value: Node | None) -> str | None:
    """`name` of &name: a pointer to the object goes elsewhere."""
    value = bare(value)
    if value is None or value.type != "pointer_expression" or not text_of(value).startswith("&"):
        return None
    inner = bare(value.child_by_field_name("argument"))
    return text_of(inner) if inner is not None and inner.type == "identifier" else None


def _storage(node: Node) -> set[str]:
    return {text_of(c) for c in node.children if c.type == "storage_class_specifier"}


@on("declaration")
def variable(frame: Frame, ctx: Context) -> None:
    node = frame.node
    made = base_type(node.child_by_field_name("type"), ctx.scope.names)
    storage = _storage(node)
    for written in _declarators(node):
        shape = declarator(written)
        if shape.name is None:
            continue
        name = text_of(shape.name)
        if shape.function:
            _callback(shape, node, ctx)
            if shape.function == "function" and made is not None and replace(made, pointers=shape.pointers).points:
                ctx.scope.yields.add(name)
            continue
        whole = replace(made, pointers=shape.pointers, array=shape.array) if made is not None else None
        ctx.scope.declare(name, whole)
        if whole is None:
            continue
        origin = origin_of(shape.value, ctx)
        if origin:
            ctx.scope.came_from(name, origin)
        _derived(name, shape, ctx)
        if (taken := taken_address(shape.value)) is not None:
            ctx.escape(taken)
        if whole.tag == TARGET and "extern" not in storage:
            _object(written, name, whole, storage, ctx)


def _derived(name: str, shape: Declarator, ctx: Context) -> None:
    """A local that starts as an address below the object, or as an offset that a helper answered."""
    value = bare(shape.value)
    if value is None or value.type != "call_expression":
        return
    function = text_of(value.child_by_field_name("function"))
    if function in ctx.below:
        ctx.below.add(name)
    if ctx.arch.by_number.get(function) == "offsetof/by-name":
        ctx.tainted.add(name)


def _object(written: Node, name: str, made: Type, storage: set[str], ctx: Context) -> None:
    inside = bool(ctx.function) and ctx.scope.depth > 1
    if made.pointers:
        if not inside and not made.array:
            ctx.add("callback/holder", written, kin=made.kin)
        return
    if made.array:
        rule = "embed/array"
    elif inside and "static" not in storage:
        rule = "fabricated/local"
    else:
        rule = "fabricated/static"
    ctx.add(rule, written, kin=made.kin, head=True)
    ctx.scope.came_from(name, "fabricated")
    ctx.made(name, rule, written)


@on("macro_type_specifier")
def per_cpu(frame: Frame, ctx: Context) -> None:
    """DEFINE_PER_CPU(struct pt_regs, name)"""
    node = frame.node
    if not text_of(node.child_by_field_name("name")).startswith("DEFINE_PER_CPU"):
        return
    kind = node.child_by_field_name("type")
    made = base_type(kind.child_by_field_name("type"), ctx.scope.names) if kind is not None else None
    shape = declarator(kind.child_by_field_name("declarator")) if kind is not None else Declarator(None)
    if made is not None and made.tag == TARGET:
        ctx.add("callback/holder" if shape.pointers else "embed/array", node, kin=made.kin)


@on("call_expression")
def per_cpu_called(frame: Frame, ctx: Context) -> None:
    """The same, where the text reads as a call."""
    node = frame.node
    if not text_of(node.child_by_field_name("function")).startswith("DEFINE_PER_CPU"):
        return
    arguments = node.child_by_field_name("arguments")
    first = text_of(arguments).strip("()").partition(",")[0].split() if arguments is not None else []
    tag = first[-1].rstrip("*") if first else ""
    if tag in ctx.scope.names.target or (
        first and first[-1] == "*" and first[-2:-1] and first[-2] in ctx.scope.names.target
    ):
        pointer = "*" in "".join(first)
        ctx.add("callback/holder" if pointer else "embed/array", node)


@on("field_declaration")
def member(frame: Frame, ctx: Context) -> None:
    node = frame.node
    made = base_type(node.child_by_field_name("type"), ctx.scope.names)
    holder = _holder(frame)
    for written in _declarators(node):
        shape = declarator(written)
        if shape.function:
            _callback(shape, node, ctx)
            continue
        if made is None or shape.name is None:
            continue
        whole = replace(made, pointers=shape.pointers, array=shape.array)
        if holder:
            ctx.scope.hold(holder, text_of(shape.name), whole)
        if whole.tag != TARGET:
            continue
        if whole.pointers:
            ctx.add("callback/holder", node, kin=whole.kin)
        else:
            ctx.add("embed/member", node, traits={f"holder={holder}"} if holder else (), kin=whole.kin)


def _holder(frame: Frame) -> str:
    up = frame.up
    while up is not None and up.node.type not in ("struct_specifier", "union_specifier"):
        up = up.up
    while up is not None:
        name = text_of(up.node.child_by_field_name("name"))
        if name:
            return name
        up = up.up
        while up is not None and up.node.type not in ("struct_specifier", "union_specifier", "type_definition"):
            up = up.up
        if up is not None and up.node.type == "type_definition":
            names = _declarators(up.node)
            return text_of(names[0]) if names else ""
    return ""


@on("type_definition")
def typedef(frame: Frame, ctx: Context) -> None:
    node = frame.node
    kind = node.child_by_field_name("type")
    made = base_type(kind, ctx.scope.names)
    for written in _declarators(node):
        shape = declarator(written)
        if shape.function:
            if _takes_object(shape.parameters, ctx):
                ctx.add("callback/type", node, head=True)
        elif made is not None and shape.name is not None and not shape.pointers:
            exported = text_of(shape.name) in ctx.around.words.aliases
            if exported and (made.tag == TARGET or made.tag in ctx.scope.names.images):
                rule = "uapi-export/user-twin" if made.tag == TARGET else "uapi-export/frozen-type"
                ctx.add(rule, node, kin=made.kin)


@on("struct_specifier", "union_specifier", "enum_specifier")
def defined(frame: Frame, ctx: Context) -> None:
    """Images of user ABI, and the flavours of the struct that CO-RE resolves."""
    node = frame.node
    name = node.child_by_field_name("name")
    if name is None or node.child_by_field_name("body") is None:
        return
    text = text_of(name)
    if text in ctx.scope.names.images:
        ctx.add("uapi-export/frozen-type", node, head=True)
    elif (
        ctx.around.words.bpf.flavour in text
        and text.partition(ctx.around.words.bpf.flavour)[0] in ctx.scope.names.target
    ):
        ctx.add("bpf-ctx/flavour", node, head=True)


@on("parameter_declaration")
def parameter(frame: Frame, ctx: Context) -> None:
    node = frame.node
    made = base_type(node.child_by_field_name("type"), ctx.scope.names)
    shape = declarator(node.child_by_field_name("declarator"))
    if made is None or shape.name is None or shape.function:
        return
    ctx.scope.declare(text_of(shape.name), replace(made, pointers=shape.pointers + shape.array))
