# SPDX-License-Identifier: GPL-2.0-only
"""Shell text as simple commands: what `make -n` prints and what `.cmd` files hold. Nothing is expanded or executed.

`$(...)`, backquotes and variables stay text. `shlex` splits the same language at a hundredth of the speed, which
counts for the 27 MB of a dry run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PIECE = re.compile(
    r"""
      (?P<plain>[^\s'"\\;&|()<>]++)
    | (?P<space>\s++)
    | '(?P<single>[^']*+)'
    | "(?P<double>(?:[^"\\]|\\.)*+)"
    | \\(?P<escaped>.)
    | (?P<operator>[;&|()<>])
    """,
    re.VERBOSE | re.DOTALL,
)
_IN_DOUBLE = re.compile(r'\\([$`"\\\n])')


def statements(text: str) -> Iterator[list[str]]:
    """The words of each simple command, quotes removed, in order; operators and redirections end a command.

    ValueError: a quote or a backslash is left open; the commands before it have been yielded.
    """
    words: list[str] = []
    word: list[str] | None = None
    position, end = 0, len(text)
    while position < end:
        piece = _PIECE.match(text, position)
        if piece is None:
            raise ValueError(f"open quote at character {position + 1}")
        position = piece.end()
        group = piece.lastgroup
        if group in ("space", "operator"):
            if word is not None:
                words.append("".join(word))
                word = None
            if group == "operator" and words:
                yield words
                words = []
            continue
        value = piece[piece.lastindex or 0]
        if word is None:
            if group == "plain" and value.startswith("#"):
                break
            word = []
        if group == "double":
            value = _IN_DOUBLE.sub(lambda m: "" if m[1] == "\n" else m[1], value)
        elif group == "escaped" and value == "\n":
            value = ""
        word.append(value)
    if word is not None:
        words.append("".join(word))
    if words:
        yield words
