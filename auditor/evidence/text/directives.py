# SPDX-License-Identifier: GPL-2.0-only
"""The preprocessor's lines taken out of C, so that what remains can be parsed: every offset stays.

Both branches of a conditional are kept where each can stand beside the other. Where they cannot (two heads of one
function, braces that only one branch closes), there are several texts: with the first branches, with the second.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

_LINE = re.compile(rb"^[ \t]*#[ \t]*(\w*)((?:[^\\\n]|\\.|\\\n)*)", re.M | re.S)
_DEFINE = re.compile(rb"[ \t]*(\w+)(?:\(([^)]*)\))?")
_NOT_LINE_ENDS = re.compile(rb"[^\n]")
_WHOLE = frozenset(b";},:{")
_STRING = re.compile(rb"""\"(?:\\.|[^"\\\n])*+\"?|'(?:\\.|[^'\\\n])*+'?""")
_DEEPEST = 400
_MOST = 6
"""Texts of one file."""
_PAIRS = ((b"(", b")"), (b"{", b"}"), (b"[", b"]"))


@dataclass(frozen=True, slots=True)
class Macro:
    """`lo`, `hi`: of the directive; `body`: where its body begins."""

    name: str
    parameters: tuple[str, ...]
    lo: int
    body: int
    hi: int


@dataclass(frozen=True, slots=True)
class Plain:
    """`texts`: one, or several where branches exclude each other."""

    texts: tuple[bytes, ...]
    macros: tuple[Macro, ...]


def without_directives(data: bytes) -> Plain:
    """`data` has no comments any more."""
    kept = bytearray(data)
    # In which brackets are counted: without strings, and with one branch where there is a choice.
    counted = bytearray(_STRING.sub(_blanked, data))
    macros = []
    open_ones: list[list[int]] = []
    choices: list[list[tuple[int, int]]] = []
    for match in _LINE.finditer(data):
        lo, hi = match.span()
        _blank(kept, lo, hi)
        _blank(counted, lo, hi)
        word = match.group(1)
        if word == b"define":
            if (macro := _macro(data, match)) is not None:
                macros.append(macro)
        elif word.startswith(b"if"):
            open_ones.append([lo])
        elif word in (b"else", b"elif", b"elifdef", b"elifndef") and open_ones:
            open_ones[-1].append(lo)
        elif word == b"endif" and open_ones:
            bounds = [*open_ones.pop(), lo]
            spans = list(itertools.pairwise(bounds))
            if len(spans) > 1 and len(open_ones) < _DEEPEST and not all(_stands_alone(counted[a:b]) for a, b in spans):
                choices.append(spans)
                for a, b in spans[1:]:
                    _blank(counted, a, b)
    most = min(max(map(len, choices), default=1), _MOST)
    return Plain(tuple(_chosen(kept, choices, nth) for nth in range(most)), tuple(macros))


def _chosen(kept: bytearray, choices: list[list[tuple[int, int]]], nth: int) -> bytes:
    """With the nth branch of each choice, or its last."""
    text = bytearray(kept)
    for spans in choices:
        for place, (lo, hi) in enumerate(spans):
            if place != min(nth, len(spans) - 1):
                _blank(text, lo, hi)
    return bytes(text)


def _stands_alone(branch: bytearray) -> bool:
    text = branch.rstrip()
    if not text:
        return True
    return text[-1] in _WHOLE and all(text.count(opening) == text.count(closing) for opening, closing in _PAIRS)


def _blanked(match: re.Match[bytes]) -> bytes:
    return b" " * len(match.group())


def _blank(text: bytearray, lo: int, hi: int) -> None:
    text[lo:hi] = _NOT_LINE_ENDS.sub(b" ", bytes(text[lo:hi]))


def _macro(data: bytes, match: re.Match[bytes]) -> Macro | None:
    start, end = match.span(2)
    head = _DEFINE.match(data, start, end)
    if head is None:
        return None
    parameters = tuple(p.strip() for p in (head.group(2) or b"").decode("latin-1").split(",") if p.strip())
    return Macro(head.group(1).decode(), parameters, match.start(), head.end(), end)
