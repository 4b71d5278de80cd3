# SPDX-License-Identifier: GPL-2.0-only
"""Which names lead to the struct, through macros, inline functions and types of headers; and which units write one.

A unit can depend on the struct without a word of it: `SYSCALL_DEFINE3` loads its arguments from it, `TRACE_EVENT` makes
a function that fills one, `in_compat_syscall()` asks the entry frame. A name leads to the struct if its definition in a
header writes a name that does. A header that only its neighbours include lends its names to them alone.

Read from the text alone, so that it costs a fraction of a parse: it may select a unit too many. It selects one too few
where a macro makes a name that is written nowhere, where a record leads to the struct through a pointer to another
record alone, where a header has functions that are not inline, and where only a command's -D lets a header include one
that leads to the struct.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from auditor.kernel.definitions import Definition, Kind, defined_in, definitions
from auditor.kernel.headers import Headers, Text
from auditor.kernel.includes import closure
from auditor.kernel.units import source_path
from auditor.model import Unit

_DIRECTIVE = re.compile(rb"^[ \t]*#[ \t]*(ifdef|ifndef|if|else|elif|endif|include)\b[ \t]*([^\n]*)", re.M)
_ASKED = re.compile(rb"defined[ \t]*\(?[ \t]*(\w+)")
_PUBLIC = f"{os.sep}include{os.sep}"


@dataclass(frozen=True, slots=True)
class Leading:
    """`names` lead to the struct somewhere; `headers` and what else is included, by path, write one of them where it
    does.

    `objects`: the units that write a name which leads to the struct where they stand.
    """

    names: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()


def sources_of(units: Iterable[Unit]) -> dict[str, str]:
    """{object: path of what it is compiled from}"""
    return {u.object: os.fspath(source_path(u)) for u in units}


class Closure:
    """`leading` is what was asked; the rest is what it was made of. `known`: names that lead to the struct by
    themselves, besides those that hold its name.

    `sources`: {object: path}; `headers`: all else that any of them may include. `everywhere`: names that lead to the
    struct wherever they stand; `nearby`: {name: headers that define it, and lend it to who includes them}.
    `switches`: names that, if a source defines them, let a header include one that leads to the struct;
    CREATE_TRACE_POINTS is one. They lead who defines them, and not who asks for them.
    """

    def __init__(self, texts: Headers, units: Sequence[Unit], known: set[bytes]) -> None:
        self._texts = texts
        self.sources = sources_of(units)
        own = frozenset(self.sources.values())
        everything = closure(own, texts.included)
        self.headers = sorted(f for f in everything if f not in own)
        self._parts = sorted({f for s in everything for f in texts.included(s) if f in own})
        """Sources that other files include."""
        self._public = closure((h for h in self.headers if _PUBLIC in h), texts.included)
        """Headers below a directory `include`, and what these include."""
        self.everywhere: set[bytes] = set()
        self.nearby: dict[bytes, set[str]] = {}
        self.switches: frozenset[bytes] = frozenset()
        self._records: set[bytes] = set()
        self._named: frozenset[bytes] = frozenset()
        self._visible: dict[str, frozenset[str]] = {}
        self._defined: dict[str, tuple[Definition, ...]] = {}
        self.leading = self._run(known)

    def _run(self, known: set[bytes]) -> Leading:
        texts = self._texts
        self._named = frozenset().union(*(texts.get(f).named for f in (*self.headers, *self.sources.values())))
        self.everywhere = known | self._named
        fresh: set[bytes] = set(self.everywhere)
        while fresh:
            fresh = {n for h in self.headers if not fresh.isdisjoint(texts.get(h).words) for n in self._lend(h)}
        self.switches = frozenset(self._switches())
        return Leading(
            names=frozenset(n.decode("ascii", "replace") for n in (*self.everywhere, *self.nearby)),
            headers=frozenset(h for h in (*self.headers, *self._parts) if self._leads(texts.get(h).words, h)),
            objects=frozenset(o for o, path in self.sources.items() if self.selects(path)),
        )

    def _lend(self, header: str) -> Iterator[bytes]:
        """Names of this header's definitions that lead to the struct by what is known now, and did not before."""
        if header not in self._defined:
            self._defined[header] = definitions(self._texts.get(header).data)
        for definition in self._defined[header]:
            name, public = definition.name, header in self._public
            if name in self.everywhere or header in self.nearby.get(name, ()):
                continue
            if self._is_leading(definition, header):
                if definition.kind is Kind.RECORD:
                    self._records.add(name)
                if public:
                    self.everywhere.add(name)
                else:
                    self.nearby.setdefault(name, set()).add(header)
                yield name

    def _is_leading(self, definition: Definition, header: str) -> bool:
        """A record leads to the struct if it names it or holds one that does; through a pointer to another record
        nearly everything would."""
        if definition.kind in (Kind.MACRO, Kind.FUNCTION):
            return self._leads(definition.uses, header)
        held = definition.held if definition.kind is Kind.RECORD else definition.uses
        return not self._named.isdisjoint(definition.uses) or not self._records.isdisjoint(held)

    def _leads(self, words: frozenset[bytes], path: str) -> bool:
        if not self.everywhere.isdisjoint(words):
            return True
        local = self.nearby.keys() & words
        return bool(local) and any(not self._seen_from(path).isdisjoint(self.nearby[n]) for n in local)

    def _seen_from(self, path: str) -> frozenset[str]:
        """The headers that are not public and that a file includes, itself among them."""
        if path not in self._visible:
            self._visible[path] = frozenset(closure([path], self._nearby_included))
        return self._visible[path]

    def _nearby_included(self, path: str) -> list[str]:
        return [f for f in self._texts.included(path) if f not in self._public]

    def selects(self, source: str) -> bool:
        # What cannot be read may hold anything: the parse says what is wrong with it.
        return not self._texts.get(source).data or self._writes(source) or self.led_by_parts(source)

    def led_by_parts(self, source: str) -> bool:
        """What it includes that is no header is part of it, as other sources are; and a header that is not public may
        define a switch for it."""
        texts = self._texts
        parts = closure([source], lambda p: [f for f in texts.included(p) if not f.endswith(".h")])
        if any(self._writes(p) for p in parts if p != source):
            return True
        return any(self._turns(texts.get(h)) for h in self._seen_from(source) if h != source)

    def lenders_of(self, source: str) -> frozenset[str]:
        """The headers that lend their names nearby and that a source includes."""
        return self._seen_from(source) & self._lenders

    @cached_property
    def _lenders(self) -> frozenset[str]:
        return frozenset().union(*self.nearby.values())

    def _writes(self, path: str) -> bool:
        text = self._texts.get(path)
        return self._leads(text.words, path) or self._turns(text)

    def _turns(self, text: Text) -> bool:
        return not self.switches.isdisjoint(text.words) and not self.switches.isdisjoint(defined_in(text.data))

    def _switches(self) -> set[bytes]:
        texts = self._texts
        found: set[bytes] = set()
        for header in self.headers:
            here = os.path.dirname(header)
            for names, quoted, included in _conditional(texts.get(header).data):
                meant = texts.resolve(included, here if quoted else "") if names - found else ()
                if any(map(self._writes, meant)):
                    found |= names
        return found


def _conditional(data: bytes) -> Iterator[tuple[set[bytes], bool, str]]:
    """(names that must be defined, is the name quoted, file that is then included)"""
    conditions: list[set[bytes]] = []
    for word, rest in _DIRECTIVE.findall(data):
        if word == b"include":
            names = set().union(*conditions)
            if names and rest[:1] in b'<"':
                quoted = rest.startswith(b'"')
                yield names, quoted, os.fsdecode(rest[1:].partition(b'"' if quoted else b">")[0])
        elif word == b"endif":
            conditions = conditions[:-1]
        else:
            conditions = conditions[:-1] if word in (b"else", b"elif") else conditions
            negated = word in (b"ifndef", b"else") or b"!" in rest
            asked = rest.split()[:1] if word == b"ifdef" else _ASKED.findall(rest)
            conditions.append(set() if negated else set(asked))
