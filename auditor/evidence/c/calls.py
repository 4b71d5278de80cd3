# SPDX-License-Identifier: GPL-2.0-only
"""Whose code a site becomes a part of: the function that holds it, and those that the compiler inlines it into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

_SMALL = 400
"""Bytes of text up to which a compiler may inline a static function at each of its calls."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function with its body in the unit. `inline`: it says so. `size`: bytes of its text, 0 if a macro makes it.

    `refers`: how often it names other functions.
    """

    name: str
    inline: bool
    static: bool
    size: int
    refers: tuple[tuple[str, int], ...]


class Calls:
    """The functions of one unit and who may hold the code of whom."""

    def __init__(self, functions: Iterable[Function]) -> None:
        self._functions = {f.name: f for f in functions}
        self._callers: dict[str, list[str]] = {}
        named = Counter[str]()
        for function in self._functions.values():
            for name, times in function.refers:
                self._callers.setdefault(name, []).append(function.name)
                named[name] += times
        self._inlined = {f.name for f in self._functions.values() if self._may_be_inlined(f, named[f.name])}
        self._known: dict[str, tuple[str, ...]] = {}

    def _may_be_inlined(self, function: Function, named: int) -> bool:
        return function.inline or (function.static and (named == 1 or function.size <= _SMALL))

    def holders(self, names: Iterable[str]) -> tuple[str, ...]:
        """The functions whose code holds that of one of `names`; those that only exist inlined are none."""
        return tuple(sorted({holder for name in names for holder in self._holding(name)}))

    def _holding(self, name: str) -> tuple[str, ...]:
        known = self._known.get(name)
        if known is None:
            seen = {name}
            waiting = [name]
            while waiting:
                at = waiting.pop()
                fresh = [c for c in self._callers.get(at, ()) if c not in seen] if at in self._inlined else []
                seen.update(fresh)
                waiting += fresh
            known = tuple(n for n in seen if not (f := self._functions.get(n)) or not f.inline)
            self._known[name] = known
        return known
