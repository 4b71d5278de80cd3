# SPDX-License-Identifier: GPL-2.0-only
"""sizeof and offsetof: of the struct, of what holds it, of images whose layout is user ABI."""

from __future__ import annotations

from tree_sitter import Node

from auditor.evidence.text.context import Context, Macro, above, inside_call, on, outer
from auditor.evidence.text.guards import guard
from auditor.evidence.text.parsing import Frame, bare, text_of
from auditor.evidence.text.types import TARGET, Type, described

_TABLES = frozenset({"initializer_list", "initializer_pair"})


def measured(node: Node | None, ctx: Context) -> Type | None:
    """What a sizeof measures."""
    node = bare(node)
    if node is None or node.type != "sizeof_expression":
        return None
    kind = node.child_by_field_name("type")
    if kind is None:
        return ctx.scope.of(node.child_by_field_name("value"))
    named = kind.child_by_field_name("type")
    if named is not None and named.type == "type_identifier" and kind.child_by_field_name("declarator") is None:
        # sizeof(name) may be a variable's as well.
        return ctx.scope.of_name(text_of(named)) or described(kind, ctx.scope.names)
    return described(kind, ctx.scope.names)


def is_size(node: Node | None, ctx: Context) -> bool:
    made = measured(node, ctx)
    return made is not None and made.is_object and not made.array


@on("sizeof_expression")
def size(frame: Frame, ctx: Context) -> None:
    node = frame.node
    if ctx.is_claimed(node):
        return
    made = measured(node, ctx)
    if made is None:
        value = node.child_by_field_name("value")
        if value is not None and any(name in ctx.scope.names.images for name in _type_names(value)):
            ctx.add("uapi-export/frozen-size", node)
        return
    if made.pointers or (made.array and not made.is_object):
        return
    if made.is_object:
        _whole_struct(frame, made, ctx)
    elif made.tag in ctx.scope.names.images:
        ctx.add("uapi-export/frozen-size", node)
    elif made.tag in ctx.around.words.holders or (made.tag and _holds(made.tag, ctx)):
        ctx.add("size/container", node)


def _holds(tag: str, ctx: Context) -> bool:
    return any(holder == tag and t.is_object for (holder, _), t in ctx.scope.members.items())


def _whole_struct(frame: Frame, made: Type, ctx: Context) -> None:
    faces = ctx.around.interfaces
    for names, rule in ((faces.copy, "size/copy"), (faces.clear, "size/clear"), (faces.compare, "size/compare")):
        call = inside_call(frame, names)
        if call is not None:
            if not ctx.is_claimed(call):
                ctx.claim(call)
                ctx.add(rule, call, traits=_ends(call, ctx), kin=made.kin)
            return
    if inside_call(frame, faces.guard_macro) is not None:
        _guard(frame, ctx)
        return
    call = inside_call(frame, faces.to_user)
    if call is not None:
        ctx.claim(call)
        ctx.add("uapi-export/whole-copy", call, kin=made.kin)
        return
    use = outer(frame)
    traits = set()
    if use is not None and use.node.type == "argument_list" and use.up is not None:
        function = text_of(use.up.node.child_by_field_name("function"))
        traits = {"length"} if function.islower() and use.up.node.type == "call_expression" else set()
    ctx.add("size/value", frame.node, traits=traits, kin=made.kin)


def _ends(call: Node, ctx: Context) -> set[str]:
    """What is known of target and source of a block operation."""
    arguments = call.child_by_field_name("arguments")
    traits = set()
    for position, argument in enumerate(arguments.named_children[:2] if arguments is not None else ()):
        inner = bare(argument)
        taken = inner is not None and inner.type == "pointer_expression"
        name = text_of(bare(inner.child_by_field_name("argument")) if taken and inner is not None else inner)
        origin = ctx.scope.origin(name)
        if origin == "task" or (
            inner is not None and inner.type == "call_expression" and ctx.scope.of(inner) is not None
        ):
            traits.add("entry-object")
        if origin == "fabricated" and (position == 1 or text_of(call.child_by_field_name("function")).endswith("set")):
            traits |= {"made-here", "own-source"} if position == 1 else {"made-here"}
    return traits


def _guard(frame: Frame, ctx: Context) -> None:
    call = inside_call(frame, ctx.around.interfaces.guard_macro)
    if call is not None and not ctx.is_claimed(call):
        ctx.claim(call)
        guard(call, ctx)


def _type_names(node: Node) -> set[str]:
    names, pending = set(), [node]
    while pending:
        one = pending.pop()
        if one.type == "type_identifier":
            names.add(text_of(one))
        pending.extend(one.children)
    return names


@on("offsetof_expression")
def offset(frame: Frame, ctx: Context) -> None:
    node = frame.node
    kind, member = node.child_by_field_name("type"), node.child_by_field_name("member")
    _offset(frame, described(kind, ctx.scope.names), text_of(member), ctx)


@on("call_expression")
def offset_called(frame: Frame, ctx: Context) -> None:
    """OFFSET(SYM, pt_regs, ip), and offsetof() where its second argument is more than a name."""
    node = frame.node
    name = text_of(node.child_by_field_name("function"))
    arguments = node.child_by_field_name("arguments")
    if arguments is None or name not in ("OFFSET", "offsetof", "offsetofend", "__builtin_offsetof"):
        return
    text = text_of(arguments).strip("()").split(",")
    if name == "OFFSET":
        text = text[1:]
    if len(text) != 2:
        return
    tag = text[0].strip().removeprefix("struct").strip()
    names = ctx.scope.names
    made = Type(TARGET) if tag in names.target else Type(TARGET, kin=tag) if tag in names.kin else Type(tag)
    _offset(frame, made, text[1].strip(), ctx)


def _offset(frame: Frame, made: Type | None, path: str, ctx: Context) -> None:
    node = frame.node
    if made is None or made.pointers or not path or ctx.is_claimed(node):
        return
    first = path.replace("[", ".").partition(".")[0].strip()
    held = ctx.around.words.holders.get(made.tag)
    if held is not None:
        if first == held:
            made, first = Type(TARGET), path.partition(".")[2]
        else:
            ctx.add("embed/behind", node)
            return
    if made.tag in ctx.scope.names.images:
        ctx.add("uapi-export/frozen-offset", node)
        return
    if made.tag != TARGET:
        return
    rule = "offsetof/value"
    for up in above(frame):
        if up.node.type.endswith(("_statement", "function_definition")):
            break
        if up.node.type in _TABLES:
            rule = "offsetof/table"
    if inside_call(frame, ctx.around.interfaces.guard_macro) is not None:
        _guard(frame, ctx)
        return
    if first in ctx.parameters:
        ctx.macros[ctx.macro] = Macro("offsetof/table", ctx.parameters.index(first))
        return
    ctx.add(rule, node, fields=(ctx.member(first),) if first else (), kin=made.kin)


def expanded(frame: Frame, ctx: Context) -> None:
    """A macro of this file that takes a member's name: the use is the site."""
    node = frame.node
    known = ctx.macros.get(text_of(node.child_by_field_name("function")))
    arguments = node.child_by_field_name("arguments")
    if known is None or arguments is None or known.index >= len(arguments.named_children):
        return
    name = text_of(arguments.named_children[known.index])
    if name and name not in ctx.parameters:
        ctx.add(known.rule, node, fields=(ctx.member(name),))


on("call_expression")(expanded)
