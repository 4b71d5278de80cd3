# SPDX-License-Identifier: GPL-2.0-only
"""What a header defines that can carry a dependence elsewhere, by its text: macros, functions with a body, structs.

The text is not preprocessed: a definition counts in whatever conditional it stands, and what macros make of it is not
known. Names are identifiers as bytes, as in the files.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass

_WORD_BYTES = bytes(c if (chr(c).isalnum() and c < 128) or c == ord("_") else ord(" ") for c in range(256))
_COMMENT = re.compile(rb"/\*.*?\*/|//[^\n]*", re.S)
_DIRECTIVE = re.compile(rb"^[ \t]*#(?:[^\\\n]|\\.|\\\n)*", re.M | re.S)
_DEFINE = re.compile(rb"^[ \t]*#[ \t]*define[ \t]+(\w+)((?:[^\\\n]|\\.|\\\n)*)", re.M | re.S)
_FUNCTION = re.compile(rb"^[^\n#;{}()]*\b(?:static|(?:__always_|__)?inline(?:__)?)\b", re.M)
_BODY = re.compile(rb"[;{]")
_CALLED = re.compile(rb"(\w+)[ \t\n]*\(")
_RECORD = re.compile(rb"^[ \t]*(?:typedef[ \t]+)?(?:struct|union)[ \t]+(\w+)[^\n;(){}=]*\{", re.M)
_HELD = re.compile(rb"\b(?:struct|union)[ \t]+(\w+)[ \t]+\w")
_YIELDS = re.compile(rb"(\w+)[ \t\n]*\*[ \t\n]*(\w+)[ \t\n]*\(")
_VARIABLE = re.compile(
    rb"^(?:extern\b([^()\n;]*?)|DECLARE_PER_CPU\w*\(([^,\n]*),)[ \t]*\b(\w+)[ \t]*(?:\[[^\n;]*\])?\)?;", re.M
)
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


def definitions(data: bytes) -> tuple[Definition, ...]:
    text = _COMMENT.sub(b" ", data)
    code = _DIRECTIVE.sub(b"", text)
    return (*_macros(text), *_functions(code), *_records(code), *_declared(code))


def _macros(text: bytes) -> Iterator[Definition]:
    for match in _DEFINE.finditer(text):
        yield Definition(Kind.MACRO, match.group(1), identifiers(match.group(2)))


def _functions(code: bytes) -> Iterator[Definition]:
    for match in _FUNCTION.finditer(code):
        opening = _BODY.search(code, match.end())
        if opening is None or opening.group() == b";":
            continue
        head = code[match.start() : opening.start()]
        name = next((n for n in _CALLED.findall(head) if n not in _ATTRIBUTES), b"")
        if name:
            uses = identifiers(code[match.start() : _end(code, opening.start())])
            yield Definition(Kind.FUNCTION, name, uses - {name})


def _records(code: bytes) -> Iterator[Definition]:
    for match in _RECORD.finditer(code):
        body = code[match.end() : _end(code, match.end() - 1)]
        yield Definition(Kind.RECORD, match.group(1), identifiers(body), frozenset(_HELD.findall(body)))


def _declared(code: bytes) -> Iterator[Definition]:
    for kind, name in _YIELDS.findall(code):
        yield Definition(Kind.DECLARED, name, frozenset([kind]))
    for declared, per_cpu, name in _VARIABLE.findall(code):
        yield Definition(Kind.DECLARED, name, identifiers(declared or per_cpu))


def _end(code: bytes, brace: int) -> int:
    """Just past the brace that closes the one at `brace`: the last of its line, or the next that begins a line."""
    line = code.find(b"\n", brace)
    if line < 0 or code[brace:line].rstrip(b"; \t").endswith(b"}"):
        return line if line >= 0 else len(code)
    end = code.find(b"\n}", brace)
    return end + 2 if end >= 0 else len(code)
