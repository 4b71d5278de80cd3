# SPDX-License-Identifier: GPL-2.0-only
"""Why a compilation stopped: each error with every place and function that the compiler names for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from auditor.prove.compile import ERROR

_LEADS = re.compile(
    r"In file included from|\s+from |\s+inlined from |In function |[^\s:]+: (?:In function|At top level)"
)
_NAMED = re.compile(r"(?:[Ii]n function|inlined from) ['`](\w+)")
_PLACE = re.compile(r"([^\s:,()]+):(\d+)(?::\d+)?[:,;)\s]")
_MOST = 200


@dataclass(frozen=True, slots=True)
class Stop:
    """One error. Paths are relative to the tree, where they lie in it."""

    file: str
    line: int
    message: str
    functions: frozenset[str] = frozenset()
    places: frozenset[tuple[str, int]] = frozenset()


def stops(messages: str, relative: Callable[[str], str]) -> tuple[Stop, ...]:
    """The errors in order. The lines that lead to an error stand before it, notes on it behind."""
    found: list[list[str]] = []
    leading: list[str] = []
    for line in messages.splitlines():
        if ERROR.match(line):
            found.append([line, *leading])
            leading = []
        elif _LEADS.match(line):
            leading.append(line)
        elif found:
            found[-1].append(line)
    return tuple(_stop(lines, relative) for lines in found[:_MOST])


def _stop(lines: list[str], relative: Callable[[str], str]) -> Stop:
    error = ERROR.match(lines[0])
    assert error is not None
    text = "\n".join(lines) + "\n"
    places = {(relative(f), int(n)) for f, n in _PLACE.findall(text)}
    return Stop(
        relative(error["file"]),
        int(error["line"]),
        _reason(error["text"]),
        frozenset(_NAMED.findall(text)),
        frozenset(places),
    )


def _reason(text: str) -> str:
    """What a guard says of itself: gcc quotes it behind the name of a function made up for it."""
    return text.rpartition("declared with attribute error: ")[2] or text
