# SPDX-License-Identifier: GPL-2.0-only
"""Source text by file: lines, identifiers at an offset, the text of an expression. Files are read once per process."""

from __future__ import annotations

import bisect
import os
import re
from collections.abc import Mapping
from pathlib import Path

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_OPENING = re.compile(r"\s*\(")
# What may be a parenthesis, and what may hide one.
_PARENTHESIS = re.compile("[()\"'/]")
_SPACE = re.compile(r"\s+")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
# An open comment takes the rest, an open string its line: looking for their ends again and again would cost the square
# of the length.
_SILENT = re.compile(r"""/\*.*?(?:\*/|\Z)|//[^\n]*|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?""", re.S)


class Source:
    """One file. Offsets are bytes as libclang counts them, so the text is kept as latin-1: one character a byte."""

    def __init__(self, path: str, data: bytes | None = None) -> None:
        self.path = path
        try:
            self.text = (Path(path).read_bytes() if data is None else data).decode("latin-1")
        except OSError:
            self.text = ""
        self._starts: list[int] | None = None

    def identifier(self, offset: int) -> str:
        """The identifier that starts at `offset`, or the empty string."""
        match = _IDENTIFIER.match(self.text, offset)
        return match.group() if match else ""

    def line_of(self, offset: int) -> tuple[int, int]:
        """(line, column), both from 1."""
        if self._starts is None:
            self._starts = [0, *(m.end() for m in re.finditer("\n", self.text))]
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def call_end(self, offset: int) -> int:
        """End of `NAME` or `NAME(...)` that starts at `offset`: the text that one macro expansion replaces."""
        name = _IDENTIFIER.match(self.text, offset)
        end = name.end() if name else offset
        opening = _OPENING.match(self.text, end)
        return match_parenthesis(self.text, opening.end() - 1) if opening else end

    def snippet(self, lo: int, hi: int, limit: int = 160) -> str:
        """Text of [lo, hi) in one line, without comments."""
        text = self.text[lo : min(hi, lo + 4 * limit)]
        return one_line(text, limit)


def one_line(text: str, limit: int = 160) -> str:
    text = _SPACE.sub(" ", _COMMENT.sub(" ", text).replace("\\\n", " ")).strip()
    text = text.encode("latin-1").decode("utf-8", "backslashreplace")
    return text if len(text) <= limit else text[: limit - 3] + "..."


def blanked(text: str) -> str:
    """The text with spaces for comments, strings and characters; every offset and line stays."""
    return _SILENT.sub(lambda m: "\n".join([" " * len(line) for line in m.group().split("\n")]), text)


def match_parenthesis(text: str, opening: int) -> int:
    """Offset just past the parenthesis that closes the one at `opening`; end of text if none does."""
    depth, position = 0, opening
    while (found := _PARENTHESIS.search(text, position)) is not None:
        position, char = found.end(), found.group()
        if char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return position
        elif (quiet := _SILENT.match(text, position - 1)) is not None:
            position = quiet.end()
    return len(text)


class Sources:
    """All files of a process, by path. `given`: what is taken for the content of some."""

    def __init__(self, given: Mapping[str, bytes] | None = None) -> None:
        self._files: dict[str, Source] = {}
        self._sizes: dict[str, int] = {}
        self.given: Mapping[str, bytes] = given or {}

    def get(self, path: str) -> Source:
        source = self._files.get(path)
        if source is None:
            source = self._files[path] = Source(path, self.given.get(path))
        return source

    def size(self, path: str) -> int:
        """Bytes of a file; 0 where it cannot be found by that name."""
        known = self._sizes.get(path)
        if known is None:
            data = self.given.get(path)
            try:
                known = os.path.getsize(path) if data is None else len(data)
            except OSError:
                known = 0
            self._sizes[path] = known
        return known
