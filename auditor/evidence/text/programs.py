# SPDX-License-Identifier: GPL-2.0-only
"""BPF programs beside the kernel: the macros that read their context, relocated or not, and what defines them."""

from __future__ import annotations

from tree_sitter import Node

from auditor.evidence.text.context import Context, on
from auditor.evidence.text.parsing import Frame, text_of

_SUFFIXES = ("_CORE", "_SYSCALL")


def register_of(name: str, ctx: Context) -> tuple[str, ...]:
    """PT_REGS_PARM1_CORE -> di"""
    for prefix in ctx.around.words.bpf.accessors:
        name = name.removeprefix(prefix)
    for suffix in (*_SUFFIXES, *_SUFFIXES, "_REG"):
        name = name.removesuffix(suffix)
    member = ctx.around.own.bpf.get(name)
    return (member,) if member else ()


def _relocated(name: str, ctx: Context) -> set[str]:
    return {"relocated"} if ctx.around.words.bpf.core in name else set()


def is_accessor(name: str, ctx: Context) -> bool:
    return name.startswith(ctx.around.words.bpf.accessors)


@on("call_expression")
def accessor(frame: Frame, ctx: Context) -> None:
    node = frame.node
    name = text_of(node.child_by_field_name("function"))
    bpf = ctx.around.words.bpf
    if is_accessor(name, ctx) and name not in ctx.around.words.yields:
        if not _within_accessor(frame, ctx):
            ctx.add("bpf-ctx/accessor", node, fields=register_of(name, ctx), traits=_relocated(name, ctx))
    elif name in ctx.around.words.yields and is_accessor(name, ctx):
        ctx.add("bpf-ctx/accessor", node, fields=register_of("PT_REGS_PARM1", ctx))
    elif name in bpf.relocating:
        arguments = node.child_by_field_name("arguments")
        parts = arguments.named_children if arguments is not None else []
        for place, argument in enumerate(parts[:-1]):
            known = ctx.scope.of(argument)
            if known is not None and known.points:
                field = ctx.member(text_of(parts[place + 1]))
                ctx.add("bpf-ctx/accessor", node, fields=(field,), traits={"relocated"})
                return


def _within_accessor(frame: Frame, ctx: Context) -> bool:
    """In the definition of another one: that is a site as a whole."""
    return bool(ctx.macro) and is_accessor(ctx.macro, ctx)


def define(lo: int, hi: int, name: str, body: str, ctx: Context) -> None:
    """#define PT_REGS_PARM1(x) ..., #define __PT_PARM1_REG di: what programs get is decided here."""
    if is_accessor(name, ctx):
        relocated = ctx.around.words.bpf.core in name or ctx.around.words.bpf.core in body
        traits = {"relocated"} if relocated else ()
        ctx.add_at("bpf-ctx/accessor", lo, hi, fields=_fields(name, body, ctx), traits=traits)


def _fields(name: str, body: str, ctx: Context) -> tuple[str, ...]:
    """The member that the body names, else the register that the macro's name stands for; what reads any stands for
    all that libbpf's macros read."""
    own = ctx.around.own
    last = body.replace(")", " ").replace(">", " ").split()
    word = last[-1] if last else ""
    if (member := ctx.member(word)) in own.bpf.values() or word in own.twin_names:
        return (member,)
    return register_of(name, ctx) or tuple(dict.fromkeys(own.bpf.values()))


def program(node: Node, name: str, parameters: int, ctx: Context) -> None:
    """int BPF_KPROBE(name, arguments...): the arguments are registers of the context."""
    own, bpf = ctx.around.own, ctx.around.words.bpf
    if name in bpf.entry and parameters > 1:
        ctx.add("bpf-ctx/accessor", node, fields=own.bpf_parameters[: parameters - 1], head=True)
    elif name in bpf.exit and parameters > 1:
        ctx.add("bpf-ctx/accessor", node, fields=(own.bpf_result,), head=True)
