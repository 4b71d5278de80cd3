# SPDX-License-Identifier: GPL-2.0-only
"""C as tree-sitter reads it: no preprocessor, no types, and a tree whatever the text is.

Limits keep a hostile file from costing more than its share; what is over them is named by the reader's answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import tree_sitter_c
from tree_sitter import Language, Node, Parser

from auditor.evidence.text.words import silent_pattern

LARGEST = 2 << 20
"""Bytes of a file that is read; the largest of a kernel that names a struct by hand has a tenth of it."""
LONGEST_LINE = 1 << 16
DEEPEST = 1_500
"""Brackets inside each other."""
_STEPS_PER_KIB = 200
_STEPS = 20_000
"""Of the parser, between two of which it asks; plain code takes some twenty for each KiB."""
_CHUNK = 1 << 16
_DEPTH_CHANGE = {ord("("): 1, ord("["): 1, ord("{"): 1, ord(")"): -1, ord("]"): -1, ord("}"): -1}
_NOT_BRACKETS = bytes(c for c in range(256) if c not in _DEPTH_CHANGE)


# An open comment takes the rest: looking for its end again and again would cost the square of the length.
_QUIET = re.compile(rb"""(?P<kept>"(?:\\.|[^"\\\n])*+"?|'(?:\\.|[^'\\\n])*+')|/\*.*?(?:\*/|\Z)|//[^\n]*""", re.S)
_NOT_LINE_ENDS = re.compile(rb"[^\n]")


class Frame(NamedTuple):
    """A node and what it stands in."""

    node: Node
    up: Frame | None


def _blanked(match: re.Match[bytes]) -> bytes:
    return match.group() if match["kept"] is not None else _NOT_LINE_ENDS.sub(b" ", match.group())


class TooMuch(Exception):
    """A limit: the message names it."""


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_c.language()))


def without_comments(data: bytes) -> bytes:
    """Blanks for comments; every offset and line stays."""
    return _QUIET.sub(_blanked, data)


def parse(data: bytes) -> Node:
    """Raises TooMuch. Words that say nothing of a type are blanked; every offset stays."""
    text = silent_pattern().sub(lambda m: b" " * len(m.group()), data)
    left = _STEPS + _STEPS_PER_KIB * (len(text) >> 10)

    def stop(_offset: int, _error: bool) -> bool:
        nonlocal left
        left -= 1
        return left < 0

    parser = _parser()
    try:
        parser.parse(lambda offset, _: text[offset : offset + _CHUNK], progress_callback=stop)
    except ValueError:
        # It would go on with what it began.
        parser.reset()
        raise TooMuch("takes too many steps to parse") from None
    # Again from the bytes at hand: no question is asked then, and a node's text is a slice of them. Parsing is a tenth
    # of what the walk costs.
    return parser.parse(text).root_node


def refuse(data: bytes) -> str:
    """Why a text is not read, or the empty string."""
    if len(data) > LARGEST:
        return f"larger than {LARGEST >> 20} MiB"
    if b"\0" in data:
        return "binary"
    if longest_line(data) > LONGEST_LINE:
        return f"a line longer than {LONGEST_LINE >> 10} KiB"
    depth = deepest = 0
    for bracket in data.translate(None, _NOT_BRACKETS):
        depth = max(0, depth + _DEPTH_CHANGE[bracket])
        deepest = max(deepest, depth)
    return f"brackets {deepest} deep" if deepest > DEEPEST else ""


def longest_line(data: bytes) -> int:
    longest = start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        longest, start = max(longest, end - start), end + 1
    return longest


def text_of(node: Node | None) -> str:
    return node.text.decode("latin-1") if node is not None and node.text is not None else ""


def bare(node: Node | None) -> Node | None:
    """Without parentheses around it."""
    while node is not None and node.type == "parenthesized_expression":
        named = node.named_children
        node = next((c for c in named if c.type != "comment"), None)
    return node


def identifiers(node: Node) -> Iterator[str]:
    pending = [node]
    while pending:
        one = pending.pop()
        if one.type in ("identifier", "field_identifier", "type_identifier"):
            yield text_of(one)
        else:
            pending.extend(one.children)


def number(node: Node | None, depth: int = 0) -> int | None:
    """A constant as written: a literal, or sums and products of such."""
    node = bare(node)
    if node is None or depth > 20:
        return None
    if node.type == "number_literal":
        try:
            return int(text_of(node).rstrip("uUlL"), 0)
        except ValueError:
            return None
    if node.type == "unary_expression":
        inner = number(node.child_by_field_name("argument"), depth + 1)
        return -inner if inner is not None and text_of(node).startswith("-") else None
    if node.type == "binary_expression":
        left = number(node.child_by_field_name("left"), depth + 1)
        right = number(node.child_by_field_name("right"), depth + 1)
        if left is None or right is None:
            return None
        sign = text_of(node.child_by_field_name("operator"))
        return {"+": left + right, "-": left - right, "*": left * right}.get(sign)
    return None
