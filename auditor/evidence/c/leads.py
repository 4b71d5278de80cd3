# SPDX-License-Identifier: GPL-2.0-only
"""Names that lead to the struct, so that a function without any of them need not be walked.

A function can hold a site only if it writes the struct's name or a name whose declaration does: a variable, a function,
a member, a typedef, or a macro whose body does, through other macros too. Names are kept for the whole process: more
names only mean that more functions are walked, never that a site differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from auditor.arch import Arch
from auditor.evidence.c.macros import Definitions

_IDENTIFIERS = re.compile(r"[A-Za-z_]\w*")
_MEMBERS = re.compile(r"(?:->|\.)\s*([A-Za-z_]\w*)")


class Leads:
    def __init__(self, definitions: Definitions, arch: Arch, struct: str, known: Iterable[str] = ()) -> None:
        """`known`: names of which it is known before anything is read."""
        self._definitions = definitions
        own = {struct, *arch.words}
        self.words = re.compile("|".join(sorted(map(re.escape, own), key=len, reverse=True)))
        """What names the struct itself, also inside a longer name such as bpf_user_pt_regs_t."""
        members = {f.partition(".")[2] for f in arch.stack_fields}
        self._names: set[str] = {
            *known,
            *arch.accessors,
            *arch.by_number,
            *arch.stack_calls,
            *arch.stack_tops,
            *arch.frozen,
        }
        self._members: set[str] = set(members)
        """Leads only behind `->` or `.`: `regs` is also what many functions call something else."""
        self._writers: dict[str, list[str]] = {}
        """{identifier: macros whose body writes it}"""
        self._member_writers: dict[str, list[str]] = {}

    def add(self, name: str) -> None:
        """A new lead, and every macro that writes it, through other macros too."""
        fresh = [name] if name else []
        while fresh:
            name = fresh.pop()
            if name not in self._names:
                self._names.add(name)
                fresh += self._writers.get(name, ())

    def add_member(self, name: str) -> None:
        if name and name not in self._members:
            self._members.add(name)
            for macro in self._member_writers.get(name, ()):
                self.add(macro)

    def writers(self, name: str) -> Iterable[str]:
        """Macros, of all files that were read, whose body writes the name."""
        return self._writers.get(name, ())

    def read(self, paths: Iterable[str]) -> None:
        """Takes the macros of these files into account."""
        for path in paths:
            for macro in self._definitions.read(path):
                body = self._definitions.body(macro)
                written = set(_IDENTIFIERS.findall(body))
                for name in written:
                    self._writers.setdefault(name, []).append(macro.name)
                reached = set(_MEMBERS.findall(body))
                for name in reached:
                    self._member_writers.setdefault(name, []).append(macro.name)
                named = self.words.search(body) or not self._names.isdisjoint(written)
                if named or not self._members.isdisjoint(reached):
                    self.add(macro.name)

    def lead(self, text: str) -> bool:
        """Whether a declaration with this text can hold a site."""
        if self.words.search(text):
            return True
        if not self._names.isdisjoint(_IDENTIFIERS.findall(text)):
            return True
        return not self._members.isdisjoint(_MEMBERS.findall(text))
