# SPDX-License-Identifier: GPL-2.0-only
"""Inline ignores: `ptregs-audit: ignore[rule, ...] reason` at the start of a line of a comment in C or assembly.

The tree may be anybody's: a file gives a bounded number of them, each of bounded length. Whether the rules exist and
the places have sites is not asked here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

MARKER = b"ptregs-audit:"
SUFFIXES = frozenset({".c", ".h", ".S", ".s", ".inc", ".inl", ".def"})
MAX_REASON = 400
"""Characters; a longer reason belongs into the commit."""
MAX_RULES = 16
MAX_RULE = 60
MAX_PER_FILE = 500
MAX_BYTES = 8 << 20
"""Of a file that is searched; no source that people write is near."""

# Literals are matched so that what looks like a comment inside of one is none. One that is not closed ends with its
# line: whatever is matched is not looked at again, and no text takes longer than its length.
_LITERAL = r"""(?P<literal>"(?:\\.|[^"\\\n])*+"?|'(?:\\.|[^'\\\n])*+'?)"""
_C = _LITERAL + r"""|(?P<comment>/\*.*?(?:\*/|\Z)|//(?:\\\n|[^\n])*+)"""
# In assembly `#` also begins directives and pastes tokens: only a comment that is an ignore is taken for one.
_TOKEN = re.compile(_C, re.DOTALL)
_ASSEMBLY_TOKEN = re.compile(
    _C.replace("(?P<comment>", r"(?P<comment>(?<!\#)\#++[ \t]*+ptregs-audit:[^\n]*|"), re.DOTALL
)
_OPENING = re.compile(r"(?:/\*|//|\#+)")
_MARKED = re.compile(r"^[\s*]*ptregs-audit:(.*)", re.DOTALL)
_IGNORE = re.compile(r"\s*ignore\s*\[([^\]\[]*)\](.*)", re.DOTALL)
# The end of a line that a macro continues is no code, and neither is the next comment.
_NO_CODE_BEFORE = re.compile(r"[\s\\]*\Z")
_NO_CODE_AFTER = re.compile(r"[ \t\\]*(?:\n|\Z|/\*|//)")


@dataclass(frozen=True, slots=True)
class Noted:
    """An ignore of some file; the fields are those of `auditor.model.Ignore`."""

    line: int
    lines: tuple[int, int]
    below: int
    rules: tuple[str, ...]
    reason: str
    malformed: str = ""


def ignores_in(path: str, data: bytes) -> tuple[Noted, ...]:
    """All ignores of a file, by line; none if it is neither C nor assembly."""
    suffix = os.path.splitext(path)[1]
    if MARKER not in data or suffix not in SUFFIXES:
        return ()
    if len(data) > MAX_BYTES:
        return (Noted(1, (1, 1), 0, (), "", f"the file is larger than {MAX_BYTES >> 20} MiB: no ignore is looked for"),)
    text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    every = (n for comment in _comments(text, suffix in (".S", ".s")) for n in _ignores(comment))
    found = list(islice(every, MAX_PER_FILE + 1))
    if len(found) > MAX_PER_FILE:
        first = found[MAX_PER_FILE]
        problem = f"more than {MAX_PER_FILE} ignores in one file"
        found[MAX_PER_FILE:] = [Noted(first.line, first.lines, 0, (), "", problem)]
    return _stacked(found)


@dataclass(frozen=True, slots=True)
class _Comment:
    """`before`, `after`: is there code on its first line before it, on its last line after it?"""

    text: str
    first: int
    last: int
    before: bool
    after: bool


def _comments(text: str, assembly: bool) -> Iterator[_Comment]:
    """Those that hold the marker."""
    line, counted = 1, 0
    # Where the last comment ended: two comments on one line are no code to each other.
    ended = 0
    for token in (_ASSEMBLY_TOKEN if assembly else _TOKEN).finditer(text):
        comment = token["comment"]
        if comment is None:
            continue
        start, end = token.span()
        if "ptregs-audit:" in comment:
            line += text.count("\n", counted, start)
            counted = start
            before = text[max(text.rfind("\n", ended, start) + 1, ended) : start]
            last = line + comment.count("\n")
            yield _Comment(comment, line, last, not _NO_CODE_BEFORE.match(before), not _NO_CODE_AFTER.match(text, end))
        ended = end


def _ignores(comment: _Comment) -> Iterator[Noted]:
    """One for each line of the comment that begins with the marker; the reason goes on to the next of them."""
    body = _OPENING.sub("", comment.text, count=1)
    if comment.text.startswith("/*"):
        body = body.removesuffix("*/")
    parts: list[str] = []
    for line in body.split("\n"):
        if _MARKED.match(line):
            parts.append(line)
        elif parts:
            parts[-1] += "\n" + line
    for part in parts:
        marked = _MARKED.match(part)
        if marked:
            yield _ignore(comment, marked[1])


def _ignore(comment: _Comment, words: str) -> Noted:
    alone = not comment.before and not comment.after
    first = comment.first if comment.before or alone else comment.last
    last = comment.last if comment.after or alone else comment.first
    below = comment.last + 1 if alone else 0
    place = (comment.first, (first, last), below)
    found = _IGNORE.fullmatch(words)
    if not found:
        return Noted(*place, (), "", "expected `ptregs-audit: ignore[rule] reason`")
    rules = tuple(dict.fromkeys(filter(None, (r.strip() for r in found[1].split(",")))))
    if not rules:
        return Noted(*place, (), "", "it names no rule: expected `ignore[rule] reason`")
    if len(rules) > MAX_RULES or any(len(r) > MAX_RULE for r in rules):
        return Noted(*place, (), "", f"more than {MAX_RULES} rules, or one longer than {MAX_RULE} characters")
    # A comment over several lines has a star before each, a macro's a backslash behind.
    reason = " ".join(re.sub(r"\\?\n[ \t]*\*?", " ", found[2]).split())
    if len(reason) > MAX_REASON:
        return Noted(*place, rules, "", f"its reason is longer than {MAX_REASON} characters")
    return Noted(*place, rules, reason)


def _stacked(found: list[Noted]) -> tuple[Noted, ...]:
    """Ignores that stand alone one below the other all speak of what stands below the last."""
    alone = {n.lines[0]: n for n in found if n.below}
    done: list[Noted] = []
    for noted in reversed(found):
        below = noted.below
        next_ = alone.get(below) if below else None
        if next_ is not None:
            noted = Noted(noted.line, noted.lines, next_.below, noted.rules, noted.reason, noted.malformed)
            alone[noted.lines[0]] = noted
        done.append(noted)
    return tuple(reversed(done))
