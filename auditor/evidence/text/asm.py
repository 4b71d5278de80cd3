# SPDX-License-Identifier: GPL-2.0-only
"""Assembly, line by line: `.S` files and the strings of asm() in C.

It knows five forms: an offset by name from a register, a run of pushes or pops in the order of the object, a frame
pushed by hand as hardware would, the stack pointer taken as the object, and unwind hints. It expands no macro, follows
no value, does not know how far the stack pointer is from the object, and so neither what a bare number means: these are
no sites. It knows the forms of the audited architecture only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from tree_sitter import Node

from auditor.evidence.c.source import blanked
from auditor.evidence.text.context import Context, Surroundings
from auditor.evidence.text.parsing import text_of
from auditor.evidence.text.types import Known, Names, Scope
from auditor.evidence.text.world import world_of
from auditor.model import Site

_SYMBOL = re.compile(r"^\s*(?:SYM_(?:CODE|FUNC)_START\w*\(\s*(\w+)|\.macro\s+(\w+)|(\w+):)")
_COMPILED = re.compile(r"^\s*SYM_(?:CODE|FUNC)_START\w*\(\s*(\w+)")
_END = re.compile(r"^\s*(?:SYM_(?:CODE|FUNC)_END\w*\(|\.endm\b)")
_PUSH = re.compile(r"^\s*(push|pop)[lqw]?\s+(?:%{1,2})(\w+)\s*$")
_FLAGS = re.compile(r"^\s*pushf[lqw]?\s*$")
_RETURN = re.compile(r"^\s*(?:iret|INTERRUPT_RETURN)")
_SELECTOR = re.compile(r"^\s*push[lqw]?\s+\$\(?(\w+)")
_ADDRESS = re.compile(
    r"(-?)\(?([A-Z][A-Z0-9_]+|[a-z][a-z0-9]*(?:_[a-z0-9]+)+)\)?((?:\s*[-+]\s*\(?[\w*]+\)?)*)\s*\(\s*%{1,2}(\w+)"
)
_TAKEN = re.compile(r"^\s*(?:mov[lq]?\s+%{1,2}(\w+)|lea[lq]?\s+(\d+)\(\s*%{1,2}(\w+)\s*\))\s*,\s*%{1,2}(\w+)\s*$")
_PUSHED_POINTER = re.compile(r"^\s*push[lq]?\s+%{1,2}(esp|rsp)\s*$")
_DEFINE = re.compile(r"^\s*#\s*define\s+(\w+)\s+\(?\s*(\d+(?:\s*\*\s*\d+)?)\s*\)?\s*$")
_DEFINED = re.compile(rb"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.M)
_WORD = re.compile(r"\b[A-Z_][A-Z_0-9]+\b")
_DIRECTIVE = re.compile(r"^\s*(?:#|\.(?:if|else|endif))")
_LINE_COMMENT = re.compile(r"(?:^|\s)(?:#(?!\s*(?:define|if|ifdef|ifndef|else|elif|endif|include|undef|error))|//).*$")
_SAVED = "asm-literal/saved"
_SHORTEST_SAVED = 3
_LONGEST = 1_000
"""Characters of a line that is looked at."""
_SHORTEST_FRAME = 2
_BETWEEN = ("push", "or", "add", "and")
_RETURNS = 8
"""Lines after a frame in which the return through it stands."""
_FIRST_ARGUMENTS = frozenset({"rdi", "rsi", "rdx", "rcx", "eax", "edx", "rax"})
_LONG_NAMES = re.compile(r"^[re]([a-d]x|[sd]i|bp|sp)$")


@dataclass(slots=True)
class _Run:
    word: str
    first: tuple[int, int]
    last: tuple[int, int]
    registers: list[str]


def read_assembly(path: str, data: bytes, around: Surroundings, names: Names, known: Known) -> list[Site]:
    scope = Scope(names, known)
    world = world_of(path, data, around.arch, around.own, around.words, around.architectures, known.relocated)
    ctx = Context(path, data, around, scope, world)
    text = ""
    if world.arch in ("", around.arch.id, around.own.sibling):
        ctx.private_names = frozenset() if _exported(ctx) else _defined(data, around)
        text = data.decode("latin-1")
        text = blanked(text) if "/*" in text else text
        _Statements(list(_lines(text)), ctx).read()
    sites = ctx.sites()
    if all(s.rule == _SAVED for s in sites):
        # Nothing else in the file has to do with the object: these are any function's registers.
        return []
    compiled = {m.group(1) for m in map(_COMPILED.match, text.split("\n")) if m} if sites else set()
    return [replace(s, traits=s.traits | {"symbol"}) if s.function in compiled else s for s in sites]


def _defined(data: bytes, around: Surroundings) -> frozenset[str]:
    """Names that this file gives to something of its own, such as the frame of one function."""
    return frozenset(m.decode() for m in _DEFINED.findall(data)) - around.own.own_size


def strings_of(node: Node, ctx: Context) -> None:
    """The instructions of one asm() in C: each string is a line, or several."""
    code = node.child_by_field_name("assembly_code")
    if code is None or ctx.world.arch not in ("", ctx.arch.id, ctx.around.own.sibling):
        return
    lines = []
    pending = [code]
    while pending:
        one = pending.pop()
        if one.type == "string_literal":
            start = one.start_byte + ctx.shift
            for part in re.split(r"\\n\\t|\\n|;", text_of(one).strip('"')):
                lines.append((part.replace("\\t", " "), start, one.end_byte + ctx.shift))
        else:
            pending.extend(reversed(one.children))
    _Statements(lines, ctx, inline=True).read()


def _lines(text: str) -> Iterator[tuple[str, int, int]]:
    offset = 0
    for line in text.split("\n"):
        yield _LINE_COMMENT.sub("", line[: _LONGEST + 1]), offset, offset + len(line)
        offset += len(line) + 1


class _Statements:
    """The lines of one file or one asm(), in order. `private`: the symbol has pushed the registers itself, in a copy of
    the layout that no proposal edits."""

    def __init__(self, lines: list[tuple[str, int, int]], ctx: Context, inline: bool = False) -> None:
        self._lines, self._ctx, self._inline = lines, ctx, inline
        self._own = ctx.around.own
        self._run: _Run | None = None
        self._frame: list[tuple[int, int]] = []
        self._flags = self._private = self._about_object = False
        self._pointers: list[Callable[[], None]] = []

    def read(self) -> None:
        for place, (line, lo, hi) in enumerate(self._lines):
            if not line.strip() or len(line) > _LONGEST:
                continue
            if not self._inline:
                self._symbol(line)
            if _definition(line, lo, hi, self._ctx) or _DIRECTIVE.match(line):
                continue
            moved = self._moved(line, lo, hi)
            self._hardware(place, line, lo, hi)
            if not moved:
                self._about_object |= _named(line, lo, hi, self._private, self._ctx)
                self._about_object |= _hints(line, lo, hi, self._private, self._ctx)
                if (site := _taken(line, lo, hi, self._private, self._ctx)) is not None:
                    self._pointers.append(site)
        self._ended()
        self._leave()

    def _symbol(self, line: str) -> None:
        symbol, end = _SYMBOL.match(line), _END.match(line)
        if symbol is None and end is None:
            return
        self._ended()
        label = symbol.group(3) if symbol is not None else None
        if not label:
            self._leave()
            self._private = False
        if symbol is None:
            self._ctx.function = ""
            return
        if not label or not self._ctx.function:
            # A label inside a symbol is a place in it.
            self._ctx.function = next(g for g in symbol.groups() if g)

    def _ended(self) -> None:
        self._private |= _finish(self._run, self._ctx)
        self._run = None

    def _leave(self) -> None:
        """The stack pointer may be anything's address; where the symbol shows that an object lies there, it is that."""
        if self._about_object or self._private:
            for site in self._pointers:
                site()
        self._pointers, self._about_object = [], False

    def _moved(self, line: str, lo: int, hi: int) -> bool:
        """A push or pop of a register; consecutive ones are one run."""
        match = _PUSH.match(line)
        if match is not None and match.group(2) in self._own.stack_pointers:
            match = None
        run = self._run
        if run is not None and (match is None or match.group(1) != run.word):
            self._ended()
            run = None
        if match is None:
            return False
        if run is None:
            run = self._run = _Run(match.group(1), (lo, hi), (lo, hi), [])
        run.registers.append(_short(match.group(2)))
        run.last = (lo, hi)
        return True

    def _hardware(self, place: int, line: str, lo: int, hi: int) -> None:
        """Flags and selectors, pushed one after the other; what returns through them enters nothing."""
        selector = _SELECTOR.match(line)
        if _FLAGS.match(line) or (selector is not None and selector.group(1) in self._own.selectors):
            self._flags |= bool(_FLAGS.match(line))
            self._frame.append((lo, hi))
        elif self._frame and not line.lstrip().startswith(_BETWEEN):
            if len(self._frame) >= _SHORTEST_FRAME and self._flags:
                returns = any(_RETURN.match(after) for after, _, _ in self._lines[place : place + _RETURNS])
                rule = _SAVED if returns else "asm-literal/hardware-frame"
                self._ctx.add_at(rule, self._frame[0][0], self._frame[-1][1])
            self._frame, self._flags = [], False


def _short(register: str) -> str:
    return m.group(1) if (m := _LONG_NAMES.match(register)) else register


def _finish(run: _Run | None, ctx: Context) -> bool:
    """A run that follows the order of the object is a copy of its layout; another one only saves registers."""
    if run is None:
        return False
    registers = run.registers if run.word == "push" else run.registers[::-1]
    for order in ctx.around.own.pushed:
        if _follows(registers, order):
            ctx.add_at("asm-literal/order", run.first[0], run.last[1], fields=registers, traits=_private(True, ctx))
            return run.word == "push" and ctx.function not in ctx.around.own.frame_macros
    if len(registers) >= _SHORTEST_SAVED:
        ctx.add_at(_SAVED, run.first[0], run.last[1])
    return False


def _follows(registers: list[str], order: tuple[str, ...]) -> bool:
    """Down to the object's start, and from further up than its middle: what a function saves for itself is less."""
    return 2 * len(registers) > len(order) and tuple(registers) == order[len(order) - len(registers) :]


def _private(private: bool, ctx: Context) -> set[str]:
    if ctx.function in ctx.around.own.frame_macros:
        return {"edited"}
    return {"private-frame"} if private else set()


def _named(line: str, lo: int, hi: int, private: bool, ctx: Context) -> bool:
    own = ctx.around.own
    sizes = set(_WORD.findall(line)) & (own.literal_size | own.own_size | own.generated_size) - ctx.private_names
    if sizes:
        ctx.add_at("asm-offset/size", lo, hi, traits={"generated"} if sizes & own.generated_size else ())
        return True
    found = False
    for sign, name, rest, register in _ADDRESS.findall(line):
        generated = name.startswith(own.generated)
        prefix = next((p for p in own.generated if name.startswith(p)), "")
        member = name.removeprefix(prefix)
        member = own.assembly_names.get(member, member.lower() if prefix else "")
        if not member or sign or name in ctx.private_names:
            continue
        parts = [own.assembly_names[w] for w in _WORD.findall(rest) if w in own.assembly_names]
        if parts:
            found = True
            ctx.add_at("asm-offset/difference", lo, hi, fields=(member, *parts))
            continue
        traits = _private(private, ctx) | ({"generated"} if generated else set())
        traits |= {"stack-based"} if register in own.stack_pointers else set()
        found = True
        ctx.add_at("asm-offset/member", lo, hi, fields=(member,), traits=traits)
    return found


def _taken(line: str, lo: int, hi: int, private: bool, ctx: Context) -> Callable[[], None] | None:
    own = ctx.around.own
    match = _TAKEN.match(line)
    source = (match.group(1) or match.group(3)) if match else ""
    moved = match is not None and source in own.stack_pointers and match.group(4) in _FIRST_ARGUMENTS
    if moved or (_PUSHED_POINTER.match(line) and private):
        return partial(ctx.add_at, "stack-position/asm-pointer", lo, hi, traits=_private(private, ctx))
    return None


def _hints(line: str, lo: int, hi: int, private: bool, ctx: Context) -> bool:
    own = ctx.around.own
    words = set(_WORD.findall(line))
    if line.lstrip().startswith(".macro"):
        return False
    if words & own.hint_object:
        ctx.add_at("unwind/asm-object", lo, hi, traits=_private(private, ctx))
    elif words & own.hint_frame:
        ctx.add_at("unwind/asm-frame", lo, hi)
    elif words & own.frame_macros:
        ctx.add_at("asm-literal/frame-macro", lo, hi)
    return bool(words & (own.hint_object | own.frame_macros))


def _definition(line: str, lo: int, hi: int, ctx: Context) -> bool:
    """#define R15 0: an offset of the object by hand. Only where the names are defined together do they mean it."""
    own = ctx.around.own
    match = _DEFINE.match(line)
    if match is None:
        return False
    name = match.group(1)
    if name in own.own_size or (name in own.literal_size and _exported(ctx)):
        ctx.add_at("asm-literal/size", lo, hi)
    elif name in own.assembly_names and _exported(ctx):
        ctx.add_at("asm-literal/offset", lo, hi, fields=(own.assembly_names[name],))
    return True


def _exported(ctx: Context) -> bool:
    """The numbers are the struct's where most of them are defined: a file of its own may call anything R8."""
    known = sum(f"define {n} ".encode() in ctx.data for n in ctx.around.own.assembly_names)
    return known >= len(ctx.around.own.assembly_names) // 3
