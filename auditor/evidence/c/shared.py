# SPDX-License-Identifier: GPL-2.0-only
"""What shared headers say to each other: which names they write, ask for and define, in which order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from auditor.evidence.c.events import Event, Events, Lines
from auditor.kernel.includes import closure

# What a header says of its place among others, or of its unit's name, is not the same for all.
_OF_ITS_PLACE = re.compile(r"__has_include|__INCLUDE_LEVEL__|__BASE_FILE__|__COUNTER__")
UNITS_NAME = "KBUILD_"
LeftOut = Callable[[str], Lines]


class SharedHeaders:
    """What the shared headers write, ask for and define, as bits of the headers by name."""

    def __init__(
        self,
        events: Events,
        times: Mapping[str, int],
        included: Mapping[str, Sequence[str]],
        left_out: LeftOut = lambda _: (),
    ) -> None:
        """`times`: {shared file: how often it was read}, as they were entered. `included`: {file: files that it
        includes}; what "" includes comes first in every unit. `left_out`: the lines of a file that its conditionals
        left out, each with the directives around it."""
        self.events = events
        self.common = closure(included.get("", ()), lambda f: included.get(f, ()))
        self.order = [f for f in times if f not in self.common]
        self.bit = {f: 1 << i for i, f in enumerate(self.order)}
        self._events = {f: self._active(f, left_out(f)) for f in self.order}
        self._written: dict[str, int] = {}
        self._used: dict[str, int] = {}
        self._defined: dict[str, int] = {}
        self.tested: dict[str, int] = {}
        self.defaults: dict[str, int] = {}
        self._writers: dict[str, set[str]] = {}
        """{name: macros whose body writes it}"""
        by_kind = {
            "define": self._defined,
            "undef": self._defined,
            "test": self.tested,
            "default": self.defaults,
        }
        asked: dict[str, set[str]] = {}
        last: dict[str, str] = {}
        """{name: whether it was defined or taken back in the end}"""
        for file, bit in self.bit.items():
            asked[file] = set()
            for event in self._events[file]:
                own = by_kind.get(event.kind, {})
                for name in event.names:
                    self._written[name] = self._written.get(name, 0) | bit
                    own[name] = own.get(name, 0) | bit
                    if own is self._defined:
                        last[name] = event.kind
                    else:
                        self._used[name] = self._used.get(name, 0) | bit
                for name in event.body if event.kind == "define" else ():
                    self._writers.setdefault(name, set()).update(event.names)
                asked[file] |= event.names if event.kind in ("test", "default") else set()
        self.reached = {f: self._bits(closure([f], lambda g: included.get(g, ()))) for f in self.order}
        # By the one header that defines them.
        gone = {n for n, bits in self._defined.items() if last[n] == "undef" and self._is_one(bits, times)}
        self.macros = {n: bits for n, bits in self._defined.items() if n not in gone}
        """Names that are macros behind the shared headers."""
        self._names = {f: frozenset().union(*(e.names for e in self._events[f])) for f in self.order}
        self.needed = {f: self._others(f, asked[f]) for f in self.order}
        self.sound = not any(self._differs(f, asked[f]) for f in self.order)

    def concerns(self, name: str) -> bool:
        """Whether one of the shared headers writes this name."""
        return name in self._written or name in self._writers

    def written(self, name: str) -> int:
        """The headers that write this name, or use a macro whose body does, through others too."""
        bits = self._written.get(name, 0)
        for writer in closure([name], lambda n: self._writers.get(n, ())):
            bits |= self._used.get(writer, 0)
        return bits

    def _others(self, file: str, asked: Iterable[str]) -> int:
        """The headers that define what a file asks for, or writes, without including them."""
        bits = 0
        for name in asked:
            bits |= self._defined.get(name, 0)
        for event in self._events[file]:
            if event.kind == "text":
                for name in event.names & self.macros.keys():
                    bits |= self.macros[name]
        return bits & ~self.reached[file]

    def _active(self, file: str, left_out: Lines) -> tuple[Event, ...]:
        return tuple(e for e in self.events.of(file) if not self.events.is_left_out(file, e, left_out))

    def _is_one(self, bits: int, times: Mapping[str, int]) -> bool:
        """Whether it is one header, read once."""
        return not bits & (bits - 1) and times[self.order[bits.bit_length() - 1]] == 1

    def foreign(self, whole: int) -> frozenset[str]:
        """Names that mean something to the shared headers only because of those that a unit does not read. `whole`: the
        ones that it does."""
        names = frozenset().union(*(self._names[f] for f, bit in self.bit.items() if not bit & whole))
        return frozenset(n for n in names if not self._written[n] & whole or self.macros.get(n, 0) & ~whole)

    def _bits(self, files: Iterable[str]) -> int:
        bits = 0
        for file in files:
            bits |= self.bit.get(file, 0)
        return bits

    def _differs(self, file: str, asked: set[str]) -> bool:
        return any(n.startswith(UNITS_NAME) or _OF_ITS_PLACE.fullmatch(n) for n in asked) or any(
            e.kind == "text" and any(map(_OF_ITS_PLACE.fullmatch, e.names)) for e in self._events[file]
        )
