# SPDX-License-Identifier: GPL-2.0-only
"""Members by name: read, written, their address, and what counts on from that address."""

from __future__ import annotations

from tree_sitter import Node

from auditor.evidence.text.context import Context, Macro, inside_call, on, outer, same
from auditor.evidence.text.parsing import Frame, bare, number, text_of
from auditor.evidence.text.types import TARGET, Type, described

_WORD = 8


@on("field_expression")
def member(frame: Frame, ctx: Context) -> None:
    node = frame.node
    argument, name = node.child_by_field_name("argument"), node.child_by_field_name("field")
    if argument is None or name is None or not text_of(name) or ctx.is_claimed(node):
        return
    holder = ctx.scope.of_holder(argument)
    if holder is None or not _reaches(node, holder):
        return
    if holder.guessed and ctx.member(text_of(name)) not in ctx.around.own.assembly_names.values():
        return
    if text_of(name) in ctx.parameters:
        # The caller's argument names the member: the site is where it stands.
        ctx.macros[ctx.macro] = Macro("field/read", ctx.parameters.index(text_of(name)))
        return
    whole, use = _whole(frame)
    ctx.claim(whole)
    fields = (ctx.member(text_of(name)),)
    traits: set[str] = set()
    provenance = "unknown"
    base = bare(argument)
    rule = _rule(whole, use, frame, ctx)
    origin = ctx.scope.origin(text_of(base)) if base is not None and base.type == "identifier" else ""
    if base is not None and base.type == "call_expression" and _accessor(base, ctx):
        rule, provenance = "stack-position/field", "task"
        traits.add("end-anchored")
        ctx.claim(base)
    elif (
        base is not None
        and base.type == "field_expression"
        and _holder_tag(base, ctx) in ctx.around.interfaces.unwind_types
    ):
        rule = "unwind/state"
        provenance = origin or "unknown"
    elif rule == "field/write" and origin == "fabricated":
        rule, provenance = "fabricated/partial-fill", "fabricated"
    elif origin:
        provenance = origin
    anchor = f"anchor={fields[0]}"
    if rule.startswith("order/"):
        traits.add(anchor)
    node_of = use.node if use is not None and rule.startswith("order/") else whole
    ctx.add(rule, node_of, fields=fields, traits=traits, provenance=provenance, kin=holder.kin)


def _reaches(node: Node, holder: Type) -> bool:
    arrow = text_of(node.child_by_field_name("operator")) == "->"
    return holder.points or (holder.tag == TARGET and holder.array) if arrow else holder.is_object and not holder.array


def _holder_tag(node: Node, ctx: Context) -> str:
    holder = ctx.scope.of(node.child_by_field_name("argument"))
    return holder.tag if holder is not None else ""


def _accessor(call: Node, ctx: Context) -> bool:
    known = ctx.arch.accessors.get(text_of(call.child_by_field_name("function")))
    return known is not None and known.result == "object"


def _whole(frame: Frame) -> tuple[Node, Frame | None]:
    """The member with what is named further inside it (regs->psw.addr, regs->gpr[3]), and what uses that."""
    node = frame.node
    up = outer(frame)
    while up is not None and up.node.type in ("field_expression", "subscript_expression"):
        if not same(bare(up.node.child_by_field_name("argument")), node):
            break
        node, up = up.node, outer(up)
    return node, up


def _rule(whole: Node, use: Frame | None, frame: Frame, ctx: Context) -> str:
    if use is None:
        return "field/read"
    kind = use.node.type
    if kind == "assignment_expression" and same(bare(use.node.child_by_field_name("left")), whole):
        return _by_name(use.node.child_by_field_name("right"), ctx) or "field/write"
    if kind == "update_expression":
        return "field/write"
    if kind == "assignment_expression" and same(bare(use.node.child_by_field_name("right")), whole):
        return _by_name(use.node.child_by_field_name("left"), ctx) or "field/read"
    if kind == "pointer_expression" and text_of(use.node.child_by_field_name("operator")) == "&":
        return _counted(use, ctx)
    if (
        kind == "cast_expression"
        and ctx.member(text_of(frame.node.child_by_field_name("field"))) == ctx.arch.stack_pointer
    ):
        made = described(use.node.child_by_field_name("type"), ctx.scope.names)
        if made is not None and made.pointers:
            return "stack-position/interrupted-stack"
    if kind == "argument_list" and inside_call(frame, ctx.around.interfaces.user_word):
        return "uapi-export/by-name"
    return "field/read"


def _by_name(other: Node | None, ctx: Context) -> str:
    """The other side of an assignment is an image of user ABI."""
    other = bare(other)
    if other is None or other.type != "field_expression":
        return ""
    tag = _holder_tag(other, ctx)
    return "uapi-export/by-name" if tag in ctx.scope.names.images else ""


def _counted(taken: Frame, ctx: Context) -> str:
    """&regs->bx + n, (&regs->bx)[n], ((char *)&regs->bx + n)"""
    width = _WORD
    inner = taken
    up = outer(inner)
    while up is not None and up.node.type == "cast_expression":
        made = described(up.node.child_by_field_name("type"), ctx.scope.names)
        if made is None:
            return "field/address"
        width = made.width or width
        inner, up = up, outer(up)
    if up is None:
        return "field/address"
    if up.node.type == "binary_expression" and text_of(up.node.child_by_field_name("operator")) in ("+", "-"):
        left, right = up.node.child_by_field_name("left"), up.node.child_by_field_name("right")
        if same(bare(right), inner.node) and text_of(up.node.child_by_field_name("operator")) == "-":
            return "field/address"
        other = right if same(bare(left), inner.node) else left
    elif up.node.type == "subscript_expression" and same(bare(up.node.child_by_field_name("argument")), inner.node):
        other = up.node.child_by_field_name("index")
    else:
        return "field/address"
    count = number(other)
    if count is None:
        return "order/index"
    return "field/address" if 0 <= count * width < _WORD else "order/index"
