# SPDX-License-Identifier: GPL-2.0-only
"""Whose code a site becomes a part of: the function that holds it, and those that the compiler inlines it into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass

_SMALL = 800
"""Bytes of text up to which a compiler may inline a function at each of its calls."""

_LARGE = 200
"""Bytes of text from which on a compiler may leave an inline function out of line."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function with its body in the unit. `inline`, `always`, `never`: it says that it may be inlined, must or must
    not be. `size`: bytes of its text, 0 if a macro makes it.

    `refers`: how often it names other functions. `made`: (file, offset) of the macro that makes it, or of its name.
    `alias`: it has no body but another's, of the same type, whom the same macro makes (so SYSCALL_DEFINE0).
    """

    name: str
    inline: bool
    static: bool
    size: int
    refers: tuple[tuple[str, int], ...]
    made: tuple[str, int] = ("", 0)
    alias: bool = False
    always: bool = False
    never: bool = False
    type: str = ""


class Calls:
    """The functions of one unit and who may hold the code of whom."""

    def __init__(self, functions: Iterable[Function], source: str, addressed: Container[str] = ()) -> None:
        """`source`: the unit's own file. `addressed`: the functions whose address is taken."""
        self._source, self._addressed = source, addressed
        self._functions = {f.name: f for f in functions}
        self._callers: dict[str, list[str]] = {}
        self._aliases: dict[tuple[tuple[str, int], str], list[str]] = {}
        named = Counter[str]()
        for function in self._functions.values():
            for name, times in function.refers:
                self._callers.setdefault(name, []).append(function.name)
                named[name] += times
            if function.alias:
                self._aliases.setdefault((function.made, function.type), []).append(function.name)
        self._inlined = {f.name for f in self._functions.values() if self._may_be_inlined(f, named[f.name])}
        self._known: dict[str, tuple[str, ...]] = {}

    def _may_be_inlined(self, function: Function, named: int) -> bool:
        if function.never:
            return False
        if function.inline or (function.static and named == 1):
            return True
        return function.size <= _SMALL and (function.static or function.size > 0)

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
                fresh = [c for c in self._into(at) if c not in seen]
                seen.update(fresh)
                waiting += fresh
            known = tuple(n for n in seen if self._is_compiled(n))
            self._known[name] = known
        return known

    def _into(self, name: str) -> tuple[str, ...]:
        """Functions that hold the code of this one, directly."""
        function = self._functions.get(name)
        aliases = self._aliases.get((function.made, function.type), ()) if function else ()
        return (*(self._callers.get(name, ()) if name in self._inlined else ()), *aliases)

    def _is_compiled(self, name: str) -> bool:
        """Whether the function is also, or only, one of the object's own; a prototype is not. An inline function that
        is large may be left out of line, where the unit's own code calls it; one whose address is taken is."""
        function = self._functions.get(name)
        if function is None or not function.inline or name in self._addressed:
            return function is not None
        if function.always or 0 < function.size < _LARGE:
            return False
        return any(self._is_own(n) for n in (name, *self._callers.get(name, ())))

    def _is_own(self, name: str) -> bool:
        return self._functions[name].made[0] == self._source
