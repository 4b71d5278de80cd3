# SPDX-License-Identifier: GPL-2.0-only
"""Which names lead to the struct, through macros, inline functions and types of headers; and which units write one.

A unit can depend on the struct without a word of it: `SYSCALL_DEFINE3` loads its arguments from it, `TRACE_EVENT` makes
a function that fills one, `in_compat_syscall()` asks the entry frame. A name leads to the struct if its definition in a
header writes a name that does. A header that only its neighbours include lends its names to them alone.

Read from the text alone, so that it costs a fraction of a parse: it may select a unit too many, and selects one too few
only where a macro makes a name that is written nowhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from auditor.kernel.definitions import Definition, Kind, definitions
from auditor.kernel.headers import Headers
from auditor.kernel.includes import closure
from auditor.kernel.units import source_path
from auditor.model import Unit

_DEFINE = re.compile(rb"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.M)
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


def leading(units: Sequence[Unit], known: Iterable[str], texts: Headers) -> Leading:
    """`known`: names that lead to the struct by themselves, besides those that hold its name."""
    return _Closure(texts, units).run({n.encode() for n in known})


class _Closure:
    def __init__(self, texts: Headers, units: Sequence[Unit]) -> None:
        self._texts = texts
        self._sources = {u.object: os.fspath(source_path(u)) for u in units}
        own = frozenset(self._sources.values())
        everything = closure(own, texts.included)
        self._headers = sorted(f for f in everything if f not in own)
        self._parts = sorted({f for s in everything for f in texts.included(s) if f in own})
        """Sources that other files include."""
        self._public = closure((h for h in self._headers if _PUBLIC in h), texts.included)
        """Headers below a directory `include`, and what these include."""
        self._everywhere: set[bytes] = set()
        """Names that lead to the struct wherever they stand."""
        self._nearby: dict[bytes, set[str]] = {}
        """{name: headers that define it, and lend it to who includes them}"""
        self._records: set[bytes] = set()
        self._named: frozenset[bytes] = frozenset()
        self._visible: dict[str, frozenset[str]] = {}
        self._defined: dict[str, tuple[Definition, ...]] = {}

    def run(self, known: set[bytes]) -> Leading:
        texts = self._texts
        self._named = frozenset().union(*(texts.get(f).named for f in (*self._headers, *self._sources.values())))
        self._everywhere = known | self._named
        fresh: set[bytes] = set(self._everywhere)
        while fresh:
            fresh = {n for h in self._headers if not fresh.isdisjoint(texts.get(h).words) for n in self._lend(h)}
        self._everywhere |= self._switches()
        return Leading(
            names=frozenset(n.decode("ascii", "replace") for n in (*self._everywhere, *self._nearby)),
            headers=frozenset(h for h in (*self._headers, *self._parts) if self._leads(texts.get(h).words, h)),
            objects=frozenset(o for o, path in self._sources.items() if self._selects(path)),
        )

    def _lend(self, header: str) -> Iterator[bytes]:
        """Names of this header's definitions that lead to the struct by what is known now, and did not before."""
        if header not in self._defined:
            self._defined[header] = definitions(self._texts.get(header).data)
        for definition in self._defined[header]:
            name, public = definition.name, header in self._public
            if name in self._everywhere or header in self._nearby.get(name, ()):
                continue
            if self._is_leading(definition, header):
                if definition.kind is Kind.RECORD:
                    self._records.add(name)
                if public:
                    self._everywhere.add(name)
                else:
                    self._nearby.setdefault(name, set()).add(header)
                yield name

    def _is_leading(self, definition: Definition, header: str) -> bool:
        """A record leads to the struct if it names it or holds one that does; through a pointer to another record
        nearly everything would."""
        if definition.kind in (Kind.MACRO, Kind.FUNCTION):
            return self._leads(definition.uses, header)
        held = definition.held if definition.kind is Kind.RECORD else definition.uses
        return not self._named.isdisjoint(definition.uses) or not self._records.isdisjoint(held)

    def _leads(self, words: frozenset[bytes], path: str) -> bool:
        if not self._everywhere.isdisjoint(words):
            return True
        local = self._nearby.keys() & words
        return bool(local) and any(not self._seen_from(path).isdisjoint(self._nearby[n]) for n in local)

    def _seen_from(self, path: str) -> frozenset[str]:
        """The headers that are not public and that a file includes, itself among them."""
        if path not in self._visible:
            self._visible[path] = frozenset(closure([path], self._nearby_included))
        return self._visible[path]

    def _nearby_included(self, path: str) -> list[str]:
        return [f for f in self._texts.included(path) if f not in self._public]

    def _selects(self, source: str) -> bool:
        """The source, and what it includes that is no header, as other sources are."""
        texts = self._texts
        parts = closure([source], lambda p: [f for f in texts.included(p) if not f.endswith(".h")])
        # What cannot be read may hold anything: the parse says what is wrong with it.
        return not texts.get(source).data or any(self._leads(texts.get(p).words, p) for p in parts)

    def _switches(self) -> set[bytes]:
        """Names that sources define so that a header includes one which leads to the struct: CREATE_TRACE_POINTS."""
        texts = self._texts
        defined = frozenset(n for s in set(self._sources.values()) for n in _DEFINE.findall(texts.get(s).data))
        found: set[bytes] = set()
        for header in self._headers:
            asked = defined & texts.get(header).words
            for names, included in _conditional(texts.get(header).data) if asked else ():
                if names & asked - found and any(self._leads(texts.get(f).words, f) for f in texts.resolve(included)):
                    found |= names & asked
        return found


def _conditional(data: bytes) -> Iterator[tuple[set[bytes], str]]:
    """(names that must be defined, file that is then included)"""
    conditions: list[set[bytes]] = []
    for word, rest in _DIRECTIVE.findall(data):
        if word == b"include":
            names = set().union(*conditions)
            if names and rest[:1] in b'<"':
                yield names, os.fsdecode(rest[1:].partition(b">" if rest.startswith(b"<") else b'"')[0])
        elif word == b"endif":
            conditions = conditions[:-1]
        else:
            conditions = conditions[:-1] if word in (b"else", b"elif") else conditions
            negated = word in (b"ifndef", b"else") or b"!" in rest
            asked = rest.split()[:1] if word == b"ifdef" else _ASKED.findall(rest)
            conditions.append(set() if negated else set(asked))
