# SPDX-License-Identifier: GPL-2.0-only
"""Whether a unit reads shared headers as they were read for all: with the same macros, before the same text.

A unit that was parsed with precompiled headers has seen their macros from its first line on, and they have not seen
its own. Here the order in which it would have read everything itself is played through, from clang's record of the
directives that were active. Whatever could make a difference ends the attempt, and the unit is parsed alone:

- it sets a macro that a shared header, still to be read, writes or asks for;
- it writes or asks for a name that a shared header, not read yet, makes a macro, or that only one writes that it never
  reads;
- a shared header asks for a macro of another one, and here the two come in another order;
- it reads a shared header again that has no guard, and that one says more than it said for all;
- it reads one inside a declaration, or behind a pragma that changes what a struct or a macro is.

What conditionals left out says nothing: they were asked before it, and what they ask for is compared.

Of a unit that does not compile, an error may go unseen: that a type was used before the header that declares it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence

from auditor.evidence.c.events import INSIDE, STRANGE, Event, Lines
from auditor.evidence.c.files import Reading, Record
from auditor.evidence.c.shared import UNITS_NAME, LeftOut, SharedHeaders

_NAME = re.compile(r"\w+")
_MACRO = re.compile(r"\w+(\([^)]*\))?(.*)", re.S)
_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')
_END = sys.maxsize
# Pragmas that change what a text after them is; _Pragma hides its own in a string.
_CHANGING = {STRANGE, "push_macro", "pop_macro", "options", "align", "_Pragma"}
_PACK = "pack"


def disagreement(
    headers: SharedHeaders, record: Record, again: Mapping[str, Lines], left_out: LeftOut = lambda _: ()
) -> str:
    """Why the unit must be parsed alone, or the empty string.

    `again`: {shared file that it has read, too: lines that were left out each time}; `left_out`: those of the unit's
    own files, as for the shared ones.
    """
    if not record.whole:
        return "the order of its files is unclear"
    for file, lines in again.items():
        if file in headers.bit and not headers.events.is_silent(file, lines):
            return f"{file} is read again"
    whole = 0
    for included in record.included.values():
        for file in included:
            whole |= headers.reached.get(file, 0)
    if not whole:
        return "it reads none of them"
    play = _Play(headers, whole, left_out)
    play.file(record.source)
    return play.why


class _Play:
    """One pass over a unit's own files, in the order of their directives."""

    def __init__(self, headers: SharedHeaders, whole: int, left_out: LeftOut) -> None:
        """`whole`: the shared files that the unit reads at all."""
        self._headers, self._whole, self._left_out = headers, whole, left_out
        self._foreign = headers.foreign(whole)
        self.read = 0
        self.why = ""
        self._seen: set[str] = set()
        self._bodies: dict[str, frozenset[str]] = {}
        """{macro of its own: names that it writes and that shared headers know, through others too}"""
        self._packed = False
        self._packed_before: list[bool] = []

    def file(self, reading: Reading) -> None:
        path = reading.path
        if path in self._seen and not reading.steps:
            # Its guard left it out; or it says once more what it said when less of the shared headers was read.
            return
        self._seen.add(path)
        steps = iter([*reading.steps, (_END, "")])
        offset, step = next(steps)
        for event in self._headers.events.of(path):
            while offset < event.end:
                self._step(path, offset, step, inside=INSIDE in event.names and event.kind == "include")
                offset, step = next(steps)
            if event.kind in ("text", "test", "default", "pragma"):
                self._use(path, event)
            elif event.kind == "define":
                self._keep(event)
            elif event.kind == "undef":
                self._change(path, event.names, "")
            if self.why:
                return
        while offset < _END:
            # A directive that the text does not show, as one that a comment begins.
            self._step(path, offset, step, inside=False)
            offset, step = next(steps)

    def _step(self, path: str, offset: int, step: Reading | str, inside: bool) -> None:
        if isinstance(step, Reading):
            self._include(step, inside)
        else:
            self._change(path, (step,), self._headers.events.definition(path, offset))

    def _include(self, reading: Reading, inside: bool) -> None:
        headers, file = self._headers, reading.path
        if file in headers.common:
            return
        if file not in headers.bit:
            self.file(reading)
            return
        if not headers.bit[file] & self.read and any(isinstance(step, str) for _, step in reading.steps):
            # It was read for all before, and now defines something once more.
            self.why = self.why or f"{file} is read again"
        fresh = headers.reached[file] & ~self.read
        if fresh and inside:
            self.why = self.why or f"{file} is read inside a declaration"
        if fresh and self._packed:
            self.why = self.why or f"{file} is read behind a pragma pack"
        while fresh:
            # The lowest bit is the one that was entered first.
            bit = fresh & -fresh
            other = headers.order[bit.bit_length() - 1]
            if headers.needed[other] & (bit - 1) != headers.needed[other] & self.read:
                self.why = self.why or f"{other} comes in another order"
            self.read |= bit
            fresh ^= bit
        for offset, step in reading.steps:
            self._step(file, offset, step, inside)

    def _use(self, path: str, event: Event) -> None:
        why = self._objection(path, event)
        packs = event.kind == "pragma" and _PACK in event.names
        if (packs or (why and not self.why)) and self._headers.events.is_left_out(path, event, self._left_out(path)):
            return
        self.why = self.why or why
        if packs:
            self._pack(event.names - {_PACK})

    def _objection(self, path: str, event: Event) -> str:
        """Why what an active piece of text writes or asks for means something else."""
        pragma = event.names & _CHANGING and (event.kind == "pragma" or "_Pragma" in event.names)
        if pragma and self._whole & ~self.read:
            return f"{path}: a pragma before a shared header"
        if event.kind == "pragma":
            return ""
        names = event.names | self._meant(event.body if event.kind in ("test", "default") else event.names)
        if early := self._early(names):
            return f"{path}: {min(early)} would not be a macro yet"
        if not names.isdisjoint(self._foreign):
            return f"{path}: {min(names & self._foreign)} is known from a header that it does not read"
        return ""

    def _early(self, names: frozenset[str]) -> Sequence[str]:
        """Those that a shared header makes a macro that is still to be read."""
        coming = self._whole & ~self.read
        macros = self._headers.macros
        return [n for n in names & macros.keys() if macros[n] & coming] if coming else ()

    def _meant(self, names: frozenset[str]) -> frozenset[str]:
        """The names and those that macros of its own write in their place."""
        if self._bodies.keys().isdisjoint(names):
            return names
        return names.union(*(self._bodies[n] for n in names & self._bodies.keys()))

    def _keep(self, event: Event) -> None:
        written = self._meant(event.body)
        if known := frozenset((*self._early(written), *(written & self._foreign))):
            for name in event.names:
                self._bodies[name] = self._bodies.get(name, known) | known

    def _pack(self, said: frozenset[str]) -> None:
        """#pragma pack(), pack(n), pack(push, n), pack(pop)"""
        if "push" in said:
            self._packed_before.append(self._packed)
        if "pop" in said:
            self._packed = self._packed_before.pop() if self._packed_before else self._packed
        elif said != {"push"}:
            self._packed = bool(said - {"push"})

    def _change(self, path: str, names: Iterable[str], definition: str) -> None:
        headers, coming = self._headers, self._whole & ~self.read
        for name in names:
            if not headers.written(name) & coming:
                continue
            harmless = is_message(definition) or (
                is_itself(name, definition) and not headers.defaults.get(name, 0) & coming
            )
            if headers.tested.get(name, 0) & coming or not harmless:
                self.why = self.why or f"{path}: sets {name} before a shared header"


def is_itself(name: str, definition: str) -> bool:
    """#define X X says that there is an X; nothing else becomes another text."""
    macro = _MACRO.fullmatch(definition)
    return macro is not None and macro.group(2).strip() == name


def is_message(definition: str) -> bool:
    """A message's format, as pr_fmt: strings, the unit's name, parameters that stand alone. What prints it is the same
    code."""
    macro = _MACRO.fullmatch(definition)
    parameters, body = macro.groups("") if macro else ("", "")
    words = _STRING.sub(" ", body).replace(",", " ").split()
    known = {*_NAME.findall(parameters), "__func__"}
    return _STRING.search(body) is not None and all(w in known or w.startswith(UNITS_NAME) for w in words)
