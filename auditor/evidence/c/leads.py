# SPDX-License-Identifier: GPL-2.0-only
"""Names that lead to the struct, so that a function without any of them need not be walked.

A function can hold a site only if it writes the struct's name or a name whose declaration does: a variable, a function,
a member, a typedef, or a macro whose body does, through other macros too. More names only mean that more functions are
walked, never that a site differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from auditor.arch import Arch
from auditor.evidence.c.macros import Definitions, Macro
from auditor.evidence.c.source import blanked

_IDENTIFIERS = re.compile(r"[A-Za-z_]\w*")
_MEMBERS = re.compile(r"(?:->|\.)\s*([A-Za-z_]\w*)")


class Leads:
    """What headers add holds for all units of the process, what a unit's source adds for that unit (`begin`)."""

    def __init__(self, definitions: Definitions, arch: Arch, struct: str, known: Iterable[str] = ()) -> None:
        """`known`: names of which it is known before anything is read."""
        self._definitions = definitions
        self.own_words = frozenset({struct, *arch.words})
        """What names the struct itself, also inside a longer name such as bpf_user_pt_regs_t."""
        self._words = re.compile("|".join(map(re.escape, sorted(self.own_words))))
        names = {*known, *arch.accessors, *arch.by_number, *arch.stack_calls, *arch.stack_tops, *arch.frozen}
        self._everywhere = _Names(names, {f.partition(".")[2] for f in arch.stack_fields})
        self._own = _Names(set(), set())

    def begin(self, source: str, others: Iterable[str]) -> None:
        """A unit begins: takes the macros of its source and of its other files into account."""
        self._own = _Names(set(), set())
        for path in others:
            if path != source:
                for macro in self._definitions.read(path):
                    self._read(macro, self._everywhere)
        for macro in self._definitions.of(source):
            self._read(macro, self._own)

    def add(self, name: str, own: bool) -> None:
        """A new lead, and every macro that writes it, through other macros too. `own`: for this unit alone."""
        waiting = [(name, own)] if name else []
        while waiting:
            name, own = waiting.pop()
            if name not in self._everywhere.names and not (own and name in self._own.names):
                (self._own if own else self._everywhere).names.add(name)
                waiting += ((macro, own) for macro in self._everywhere.writers.get(name, ()))
                waiting += ((macro, True) for macro in self._own.writers.get(name, ()))

    def add_member(self, name: str, own: bool) -> None:
        if name and name not in self._everywhere.members:
            (self._own if own else self._everywhere).members.add(name)
            for macro in self._everywhere.member_writers.get(name, ()):
                self.add(macro, own)
            for macro in self._own.member_writers.get(name, ()):
                self.add(macro, own=True)

    def writers(self, name: str) -> Iterable[str]:
        """Macros, of all files that were read, whose body writes the name."""
        return (*self._everywhere.writers.get(name, ()), *self._own.writers.get(name, ()))

    def _read(self, macro: Macro, where: _Names) -> None:
        body = self._definitions.body(macro)
        # A message is no code.
        body = blanked(body) if '"' in body or "/" in body else body
        written = set(_IDENTIFIERS.findall(body))
        for name in written:
            where.writers.setdefault(name, []).append(macro.name)
        reached = set(_MEMBERS.findall(body)) if "." in body or "->" in body else set()
        for name in reached:
            where.member_writers.setdefault(name, []).append(macro.name)
        if self._is_lead(body, written, reached):
            self.add(macro.name, where is self._own)

    def lead(self, text: str) -> bool:
        """Whether a declaration with this text can hold a site."""
        return self._is_lead(text, _IDENTIFIERS.findall(text), _MEMBERS.findall(text))

    def _is_lead(self, text: str, names: Iterable[str], members: Iterable[str]) -> bool:
        if self._words.search(text):
            return True
        kept = (self._everywhere, self._own)
        return not all(k.names.isdisjoint(names) and k.members.isdisjoint(members) for k in kept)


@dataclass(slots=True)
class _Names:
    """`members`: leads only behind `->` or `.`: `regs` is also what many functions call something else. `writers`:
    {identifier: macros whose body writes it}, `member_writers` the same of members."""

    names: set[str]
    members: set[str]
    writers: dict[str, list[str]] = field(default_factory=dict)
    member_writers: dict[str, list[str]] = field(default_factory=dict)
