# SPDX-License-Identifier: GPL-2.0-only
"""What a header defines that can carry a dependence elsewhere, by its text: macros, functions with a body, structs.

The text is not preprocessed: a definition counts in whatever conditional it stands, and what macros make of it is not
known. Names are identifiers as bytes, as in the files.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_WORD_BYTES = bytes(c if (chr(c).isalnum() and c < 128) or c == ord("_") else ord(" ") for c in range(256))
# What never ends takes the rest, of the text or of its line, and words are taken whole (`++`): nothing is looked at
# again and again, so that no text costs the square of its length.
_SILENT = re.compile(rb"""("(?:\\.|[^"\\\n])*+"?|'(?:\\.|[^'\\\n])')|/\*.*?(?:\*/|\Z)|//[^\n]*""", re.S)
_DIRECTIVE = re.compile(rb"^[ \t]*#(?:[^\\\n]|\\.|\\\n)*", re.M | re.S)
_DEFINE = re.compile(rb"^[ \t]*#[ \t]*define[ \t]+(\w+)((?:[^\\\n]|\\.|\\\n)*)", re.M | re.S)
_NAMED = re.compile(rb"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.M)
_FUNCTION = re.compile(rb"^[^\n#;{}]*?\b(?:static|(?:__always_|__)?inline(?:__)?)\b", re.M)
_BODY = re.compile(rb"[;{=]")
_CALLED = re.compile(rb"\b(\w++)[ \t\n]*+\(")
_RECORD = re.compile(rb"^([ \t]*)(typedef[ \t]+)?(?:struct|union)\b[ \t]*(\w*)[^\n;(){}=]*(?:\n[ \t]*)?\{", re.M)
_HELD = re.compile(rb"\b(\w++)[ \t]++(?=\w)")
_TYPEDEF = re.compile(rb"^[ \t]*typedef\b([^;(){}]{0,400}+);", re.M)
_YIELDS = re.compile(rb"\b(\w++)(?:[ \t\n]++const\b)?+[ \t\n]*+\*[* \t\n]*+(?:\w++[ \t\n]++(?=\w))*+(\w++)[ \t\n]*+\(")
_VARIABLE = re.compile(
    rb"^(?:extern\b([^()\n;\[]*+)(?:\[[^\n;]*+)?|DECLARE_PER_CPU\w*\(([^,\n;]*+),([^,\n;)]*+)\));", re.M
)
_LONGEST = 400
"""Bytes of a declaration after a brace that are looked at."""
_WORD = re.compile(rb"\w++")
_MARKS = frozenset(
    {
        b"__initdata", b"__initconst", b"__maybe_unused", b"__read_mostly", b"__refdata", b"__ro_after_init",
        b"__cacheline_aligned", b"____cacheline_aligned", b"__cacheline_aligned_in_smp",
        b"____cacheline_aligned_in_smp", b"__visible", b"__weak", b"__used", b"__nosavedata", b"__packed",
    }
)  # fmt: skip
"""What may stand behind a variable's or a type's name."""
_ATTRIBUTES = frozenset(
    {
        b"__attribute__", b"__attribute", b"__aligned", b"__section", b"__printf", b"__scanf", b"__acquires",
        b"__releases", b"__must_hold", b"__alloc_size", b"__typeof__", b"typeof", b"__declspec", b"_Alignas",
    }
)  # fmt: skip
"""What may be written with parentheses before a function's name (GNU C, and the kernel's short forms)."""


class Kind(enum.Enum):
    MACRO = "macro"
    FUNCTION = "function"
    RECORD = "record"
    DECLARED = "declared"
    """A variable, or a function that yields a pointer; `uses` are of its type alone."""


@dataclass(frozen=True, slots=True)
class Definition:
    """`uses`: the identifiers of its body, for a function those of its head, too. `held`: records that a record
    may hold by value."""

    kind: Kind
    name: bytes
    uses: frozenset[bytes]
    held: frozenset[bytes] = frozenset()


def identifiers(data: bytes) -> frozenset[bytes]:
    """Every run of letters, digits and underscores, numbers and words of comments among them."""
    return frozenset(data.translate(_WORD_BYTES).split())


def defined_in(data: bytes) -> frozenset[bytes]:
    """The macros that a text defines, in whatever conditional."""
    return frozenset(_NAMED.findall(data))


def definitions(data: bytes) -> tuple[Definition, ...]:
    text = _SILENT.sub(rb"\1 ", data)
    code = _DIRECTIVE.sub(b"", text)
    return (*_macros(text), *_functions(code), *_records(code), *_typedefs(code), *_declared(code))


def _macros(text: bytes) -> Iterator[Definition]:
    for match in _DEFINE.finditer(text):
        yield Definition(Kind.MACRO, match.group(1), identifiers(match.group(2)))


def _functions(code: bytes) -> Iterator[Definition]:
    heads: dict[int, tuple[int, int]] = {}
    opening = None
    for match in _FUNCTION.finditer(code):
        if opening is None or opening.start() < match.end():
            opening = _BODY.search(code, match.end())
        if opening is None:
            break
        if opening.group() == b"{":
            # Of several before one brace the last: what others stand in is no function.
            heads[opening.start()] = match.start(), match.end()
    limits = [*(start for start, _ in heads.values()), len(code)][1:]
    for (brace, (start, end)), limit in zip(heads.items(), limits, strict=True) if heads else ():
        name = next((n for n in _CALLED.findall(code, end, brace) if n not in _ATTRIBUTES), b"")
        if name:
            uses = identifiers(code[start : _end(code, brace, limit)])
            yield Definition(Kind.FUNCTION, name, uses - {name})


def _records(code: bytes) -> Iterator[Definition]:
    found = list(_RECORD.finditer(code))
    limits = _limits([(m.start(), len(m.group(1))) for m in found], len(code))
    for match, limit in zip(found, limits, strict=True):
        indent, typedef, name = match.groups()
        body = code[match.end() : _end(code, match.end() - 1, limit, indent)]
        names = [name] if name else []
        closing = body.rfind(b"}") + 1
        if typedef and closing:
            names += _names(code[match.end() + closing : match.end() + closing + _LONGEST].partition(b";")[0])
        for own in names:
            yield Definition(Kind.RECORD, own, identifiers(body), frozenset(_HELD.findall(body)))


def _limits(heads: Sequence[tuple[int, int]], end: int) -> list[int]:
    """Of each (start, indentation) the start of the next that is not indented more: that one is not inside."""
    found = [end] * len(heads)
    later: list[tuple[int, int]] = []
    for i in range(len(heads) - 1, -1, -1):
        while later and later[-1][1] > heads[i][1]:
            later.pop()
        found[i] = later[-1][0] if later else end
        later.append(heads[i])
    return found


def _typedefs(code: bytes) -> Iterator[Definition]:
    """As a record: what holds an object of the type by value holds what the type does."""
    for text in _TYPEDEF.findall(code):
        for name in _names(text)[-1:]:
            uses = identifiers(text) - {name}
            yield Definition(Kind.RECORD, name, uses, frozenset() if b"*" in text else uses)


def _declared(code: bytes) -> Iterator[Definition]:
    for kind, name in _YIELDS.findall(code):
        yield Definition(Kind.DECLARED, name, frozenset([kind]))
    for declared, per_cpu, name in _VARIABLE.findall(code):
        for own in _names(name or declared)[-1:]:
            yield Definition(Kind.DECLARED, own, identifiers(per_cpu or declared) - {own})


def _names(declaration: bytes) -> list[bytes]:
    """The words before an array's size, without marks."""
    return [w for w in _WORD.findall(declaration.partition(b"[")[0]) if w not in _MARKS]


def _end(code: bytes, brace: int, limit: int, indent: bytes = b"") -> int:
    """Just past the brace that closes the one at `brace`: one in its line, or the next that begins a line."""
    line = code.find(b"\n", brace, limit)
    if line < 0 or code.count(b"{", brace, line) == code.count(b"}", brace, line):
        return line if line >= 0 else limit
    closing = b"\n" + indent + b"}"
    end = code.find(closing, brace, limit)
    return end + len(closing) if end >= 0 else limit
