# SPDX-License-Identifier: GPL-2.0-only
"""One C file from its bytes to its sites. Macros are read where they are defined, their bodies as statements."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tree_sitter import Node

# The forms register themselves.
from auditor.evidence.text import calls, declarations, members, pointers, programs, sizes, unwinding
from auditor.evidence.text.asm import strings_of
from auditor.evidence.text.context import HANDLERS, Context, Surroundings
from auditor.evidence.text.directives import Macro, without_directives
from auditor.evidence.text.leads import Leads
from auditor.evidence.text.parsing import Frame, TooMuch, parse, text_of, without_comments
from auditor.evidence.text.types import TARGET, Known, Names, Scope, Type, declarator
from auditor.evidence.text.world import world_of
from auditor.model import Site

FORMS = (calls, declarations, members, pointers, sizes, unwinding)
_PREFIX = b"void f(void){"
_LONGEST_BODY = 20_000
_WITH_BODY = frozenset({"function_definition", "compound_statement"})
_SKIPPED = frozenset({"comment", "string_literal", "char_literal"})
_SYSCALL = re.compile(r"^(?:COMPAT_)?[A-Z_]*SYSCALL_DEFINE\d|^BPF_CALL_\d|^DEFINE_")


def read_c(path: str, data: bytes, around: Surroundings, names: Names, known: Known, leads: Leads) -> list[Site]:
    """Raises TooMuch."""
    if not leads.lead(data):
        return []
    world = world_of(path, data, around.arch, around.own, around.words, around.architectures, known.relocated)
    scope = Scope(names, known)
    scope.yields |= around.words.yields | set(around.arch.objects)
    scope.stray = _stray(data, names)
    ctx = Context(path, data, around, scope, world)
    plain = without_directives(without_comments(data))
    for macro in plain.macros:
        if leads.lead(data[macro.lo : macro.hi], ctx):
            _macro(macro, ctx)
    for text in plain.texts:
        root = Frame(parse(text), None)
        for node in root.node.named_children:
            # Without a body it may declare what a body makes use of.
            if node.type not in _WITH_BODY or leads.lead(_with_head(node), ctx):
                _walk([Frame(node, root)], ctx)
    return ctx.sites()


def _with_head(node: Node) -> bytes:
    """A body whose head reads as a call is nothing without it."""
    head = node.prev_named_sibling if node.type == "compound_statement" else None
    return b"%b\n%b" % ((head.text if head is not None else None) or b"", node.text or b"")


def _stray(data: bytes, names: Names) -> dict[str, str]:
    """{name that is declared as a pointer somewhere in the file: the kin's name, or empty}"""
    tags = b"|".join(re.escape(n.encode()) for n in sorted(names.target | names.kin))
    found = re.findall(
        rb"\bstruct[ \t]+(" + tags + rb")[ \t]*(?:const[ \t]*)?\*[ \t]*(?:const[ \t]+)?,?[ \t]*(\w+)", data
    )
    return {n.decode(): tag.decode() if tag.decode() in names.kin else "" for tag, n in found}


def _walk(frames: Iterable[Frame], ctx: Context) -> None:
    """Every node before what is in it. A stack of our own: a hostile text may be as deep as it likes."""
    pending: list[Frame | None] = list(frames)
    pending.reverse()
    functions: list[tuple[str, bool]] = []
    while pending:
        frame = pending.pop()
        if frame is None:
            ctx.scope.leave()
            ctx.function, ctx.scope.lost = functions.pop()
            continue
        node = frame.node
        kind = node.type
        if kind in _SKIPPED:
            continue
        if kind == "function_definition" or (kind == "compound_statement" and _is_body(frame)):
            functions.append((ctx.function, ctx.scope.lost))
            ctx.scope.enter()
            pending.append(None)
            _function(frame, ctx)
        elif kind == "gnu_asm_expression":
            strings_of(node, ctx)
        for handler in HANDLERS.get(kind, ()):
            handler(frame, ctx)
        pending.extend(Frame(child, frame) for child in reversed(node.children) if child.is_named)


def _is_body(frame: Frame) -> bool:
    """A body whose head reads as a call: SYSCALL_DEFINE3(...) { }"""
    up = frame.up
    return up is not None and up.node.type in (
        "translation_unit",
        "preproc_ifdef",
        "preproc_if",
        "preproc_else",
        "ERROR",
    )


def _function(frame: Frame, ctx: Context) -> None:
    node = frame.node
    if node.type == "compound_statement":
        _headless(node, ctx)
        return
    shape = declarator(node.child_by_field_name("declarator"))
    name = text_of(shape.name)
    if ctx.scope.depth == 2:
        ctx.function = name
    ctx.scope.lost = node.has_error
    count = len(shape.parameters.named_children) if shape.parameters is not None else 0
    if name.isupper() and shape.parameters is not None and count:
        # A macro for a head: BPF_PROG(name, ...) names the function first.
        first = text_of(shape.parameters.named_children[0]).split()
        if len(first) == 1:
            ctx.function = first[0]
    if name in ctx.around.words.bpf.entry | ctx.around.words.bpf.exit and shape.parameters is not None:
        ctx.scope.declare("ctx", Type(TARGET, 1))
        programs.program(node, name, count, ctx)
    elif text_of(node.child_by_field_name("type")) in ctx.around.interfaces.entry_macros:
        # DEFINE_IDTENTRY(name) { }
        ctx.scope.declare("regs", Type(TARGET, 1), "entry")


def _headless(node: Node, ctx: Context) -> None:
    head = node.prev_named_sibling
    text = text_of(head)[:400] if head is not None else ""
    if not _SYSCALL.match(text):
        return
    words = re.findall(r"\w+", text)
    ctx.function = words[1] if len(words) > 1 else words[0]
    ctx.scope.lost = True
    if words[0] in ctx.around.interfaces.entry_macros:
        ctx.scope.declare("regs", Type(TARGET, 1), "entry")


def _macro(macro: Macro, ctx: Context) -> None:
    """The body, as if it were a function's."""
    body = ctx.data[macro.body : macro.hi]
    if len(body) > _LONGEST_BODY:
        return
    ctx.macro, ctx.parameters, ctx.shift = macro.name, macro.parameters, macro.body - len(_PREFIX)
    programs.define(macro.lo, macro.hi, macro.name, body.decode("latin-1"), ctx)
    ctx.scope.enter()
    ctx.scope.lost = True
    for parameter in macro.parameters:
        ctx.scope.declare(parameter, None)
    # To paste and to quote are no operators of C.
    _walk([Frame(n, None) for n in _statements(body.replace(b"\\\n", b" \n").replace(b"#", b" "))], ctx)
    ctx.scope.leave()
    ctx.macro, ctx.parameters, ctx.shift, ctx.scope.lost = "", (), 0, False


def _statements(body: bytes) -> list[Node]:
    try:
        root = parse(_PREFIX + body + b"\n;}")
    except TooMuch:
        return []
    definition = next(iter(root.named_children), None)
    inner = definition.child_by_field_name("body") if definition is not None else None
    return (inner or root).named_children
