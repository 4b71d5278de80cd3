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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from auditor.evidence.c.files import Reading, Record
from auditor.evidence.c.source import Sources, blanked
from auditor.kernel.includes import closure

_DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w*)([^\\\n]*(?:\\[\s\S][^\\\n]*)*)", re.M)
# Numbers, too: whatever stands together, so that 1ULL is no ULL.
_NAME = re.compile(r"\w+")
_SAYS = re.compile(r"\S")
_MACRO = re.compile(r"\w+(\([^)]*\))?(.*)", re.S)
_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')
# What a header says of its place among others, or of its unit's name, is not the same for all.
_OF_ITS_PLACE = re.compile(r"__has_include|__INCLUDE_LEVEL__|__BASE_FILE__|__COUNTER__")
_UNITS_NAME = "KBUILD_"
_STRANGE = "#"
_INSIDE = "{"
_END = sys.maxsize
Lines = Sequence[tuple[int, int]]
LeftOut = Callable[[str], Lines]
# Pragmas that change what a text after them is; _Pragma hides its own in a string.
_CHANGING = {_STRANGE, "push_macro", "pop_macro", "options", "align", "_Pragma"}
_PACK = "pack"


@dataclass(frozen=True, slots=True)
class Event:
    """A piece of a file; `names` are the identifiers in it. `kind`: "include", "define", "undef", "pragma", "test" (a
    conditional), "default" (one that only gives a macro a value where it has none), "endif" or "text". `body`: of a
    definition, what the macro writes."""

    offset: int
    end: int
    kind: str
    names: frozenset[str]
    body: frozenset[str] = frozenset()


class Texts:
    """The events of files, each file read once per process."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._known: dict[str, tuple[Event, ...]] = {}

    def events(self, path: str) -> tuple[Event, ...]:
        known = self._known.get(path)
        if known is None:
            text = self._sources.get(path).text
            found = list(_events(blanked(text)))
            if "%:" in text:
                # A directive in disguise.
                found.insert(0, Event(0, 0, "pragma", frozenset([_STRANGE])))
            for i, (test, define, end) in enumerate(zip(found, found[1:], found[2:], strict=False)):
                kinds = (test.kind, define.kind, end.kind)
                if kinds == ("test", "define", "endif") and test.names == define.names:
                    found[i] = replace(test, kind="default")
            known = self._known[path] = tuple(found)
        return known

    def is_silent(self, path: str, left_out: Lines) -> bool:
        """Whether a file gives nothing but directives if these lines are left out."""
        said = (e for e in self.events(path) if e.kind in ("text", "pragma"))
        return all(self.is_left_out(path, e, left_out) for e in said)

    def is_left_out(self, path: str, event: Event, left_out: Lines) -> bool:
        """Whether the event lies between two of the directives that begin and end such lines."""
        if not left_out:
            return False
        # What stands between two directives is left out as a whole, or not at all; its last line is one of its own. A
        # directive's first line is what clang names.
        line = self._sources.get(path).line_of(event.end - 1 if event.kind == "text" else event.offset)[0]
        return any(first < line < last for first, last in left_out)

    def definition(self, path: str, offset: int) -> str:
        """From the macro's name on to the end of its line."""
        text = self._sources.get(path).text
        end = offset
        while (end := text.find("\n", end)) > 0 and text[end - 1] == "\\":
            end += 1
        return text[offset : end if end >= 0 else len(text)]


def _events(text: str) -> Iterator[Event]:
    last = depth = 0
    odd = False
    for match in _DIRECTIVE.finditer(text):
        yield from _text(text, last, match.start())
        depth += text.count("{", last, match.start()) - text.count("}", last, match.start())
        odd = odd or depth < 0
        word, rest = match.group(1), match.group(2)
        last = match.end()
        names = frozenset(_NAME.findall(rest))
        if word == "define":
            name = _NAME.search(rest)
            defined = frozenset([name.group()] if name else ())
            yield Event(match.start(), last, word, defined, names - defined)
        elif word == "pragma":
            yield Event(match.start(), last, word, names)
        elif word == "include":
            if rest.lstrip()[:1] not in ("<", '"', ""):
                # Which file it is, a macro says. (Of a name in quotes nothing is left.)
                yield Event(match.start(), match.start(), "test", names)
            yield Event(match.start(), last, word, frozenset([_INSIDE] if depth or odd else ()))
        elif word == "undef":
            yield Event(match.start(), last, word, names)
        elif word in ("if", "ifdef", "ifndef", "elif"):
            yield Event(match.start(), last, "test", names)
        elif word == "endif":
            yield Event(match.start(), last, word, frozenset())
        elif word not in ("else", "error", "warning", "line", "ident", ""):
            # #import, #include_next and what else there may be.
            yield Event(match.start(), last, "pragma", names | {_STRANGE})
    yield from _text(text, last, len(text))


def _text(text: str, lo: int, hi: int) -> Iterator[Event]:
    if _SAYS.search(text, lo, hi):
        yield Event(lo, hi, "text", frozenset(_NAME.findall(text, lo, hi)))


class Agreement:
    """What the shared headers write, ask for and define, as bits of the headers by name."""

    def __init__(
        self,
        texts: Texts,
        times: Mapping[str, int],
        included: Mapping[str, Sequence[str]],
        left_out: LeftOut = lambda _: (),
    ) -> None:
        """`times`: {shared file: how often it was read}, as they were entered. `included`: {file: files that it
        includes}; what "" includes comes first in every unit. `left_out`: the lines of a file that its conditionals
        left out, each with the directives around it."""
        self._texts = texts
        self.common = closure(included.get("", ()), lambda f: included.get(f, ()))
        self._order = [f for f in times if f not in self.common]
        self._bit = {f: 1 << i for i, f in enumerate(self._order)}
        self._events = {f: self._active(f, left_out(f)) for f in self._order}
        self._written: dict[str, int] = {}
        self._used: dict[str, int] = {}
        self._defined: dict[str, int] = {}
        self._tested: dict[str, int] = {}
        self._defaults: dict[str, int] = {}
        self._writers: dict[str, set[str]] = {}
        """{name: macros whose body writes it}"""
        by_kind = {
            "define": self._defined,
            "undef": self._defined,
            "test": self._tested,
            "default": self._defaults,
        }
        asked: dict[str, set[str]] = {}
        for file, bit in self._bit.items():
            asked[file] = set()
            for event in self._events[file]:
                own = by_kind.get(event.kind, {})
                for name in event.names:
                    self._written[name] = self._written.get(name, 0) | bit
                    own[name] = own.get(name, 0) | bit
                    if own is not self._defined:
                        self._used[name] = self._used.get(name, 0) | bit
                for name in event.body:
                    self._writers.setdefault(name, set()).update(event.names)
                asked[file] |= event.names if event.kind in ("test", "default") else set()
        self._reached = {f: self._bits(closure([f], lambda g: included.get(g, ()))) for f in self._order}
        self._macros = {n: bits for n, bits in self._defined.items() if not self._is_taken_back(n, bits, times)}
        """Names that are macros behind the shared headers."""
        self._names = {f: frozenset().union(*(e.names for e in self._events[f])) for f in self._order}
        self._needed = {f: self._others(f, asked[f]) for f in self._order}
        self.sound = not any(self._differs(f, asked[f]) for f in self._order)

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
                for name in event.names & self._macros.keys():
                    bits |= self._macros[name]
        return bits & ~self._reached[file]

    def _active(self, file: str, left_out: Lines) -> tuple[Event, ...]:
        return tuple(e for e in self._texts.events(file) if not self._texts.is_left_out(file, e, left_out))

    def _is_taken_back(self, name: str, bits: int, times: Mapping[str, int]) -> bool:
        """Whether the one header that defines a name ends its meaning, too."""
        file = self._order[bits.bit_length() - 1]
        if bits & (bits - 1) or times[file] > 1:
            return False
        return [e.kind for e in self._events[file] if e.kind in ("define", "undef") and name in e.names][-1] == "undef"

    def foreign(self, whole: int) -> frozenset[str]:
        """Names that mean something to the shared headers only because of those that a unit does not read. `whole`: the
        ones that it does."""
        names = frozenset().union(*(self._names[f] for f, bit in self._bit.items() if not bit & whole))
        return frozenset(n for n in names if not self._written[n] & whole or self._macros.get(n, 0) & ~whole)

    def _bits(self, files: Iterable[str]) -> int:
        bits = 0
        for file in files:
            bits |= self._bit.get(file, 0)
        return bits

    def _differs(self, file: str, asked: set[str]) -> bool:
        return any(n.startswith(_UNITS_NAME) or _OF_ITS_PLACE.fullmatch(n) for n in asked) or any(
            e.kind == "text" and any(map(_OF_ITS_PLACE.fullmatch, e.names)) for e in self._events[file]
        )

    def disagreement(self, record: Record, again: Mapping[str, Lines], left_out: LeftOut = lambda _: ()) -> str:
        """Why the unit must be parsed alone, or the empty string.

        `again`: {shared file that it has read, too: lines that were left out each time}; `left_out`: those of the
        unit's own files, as for the shared ones.
        """
        if not record.whole:
            return "the order of its files is unclear"
        for file, lines in again.items():
            if file in self._bit and not self._texts.is_silent(file, lines):
                return f"{file} is read again"
        whole = 0
        for included in record.included.values():
            for file in included:
                whole |= self._reached.get(file, 0)
        if not whole:
            return "it reads none of them"
        play = _Play(self, whole, left_out)
        play.file(record.source)
        return play.why


class _Play:
    """One pass over a unit's own files, in the order of their directives."""

    def __init__(self, agreement: Agreement, whole: int, left_out: LeftOut) -> None:
        """`whole`: the shared files that the unit reads at all."""
        self._a, self._whole, self._left_out = agreement, whole, left_out
        self._foreign = agreement.foreign(whole)
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
        for event in self._a._texts.events(path):
            while offset < event.end:
                self._step(path, offset, step, inside=_INSIDE in event.names and event.kind == "include")
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
            self._change(path, (step,), self._a._texts.definition(path, offset))

    def _include(self, reading: Reading, inside: bool) -> None:
        a, file = self._a, reading.path
        if file in a.common:
            return
        if file not in a._bit:
            self.file(reading)
            return
        if not a._bit[file] & self.read and any(isinstance(step, str) for _, step in reading.steps):
            # It was read for all before, and now defines something once more.
            self.why = self.why or f"{file} is read again"
        fresh = a._reached[file] & ~self.read
        if fresh and inside:
            self.why = self.why or f"{file} is read inside a declaration"
        if fresh and self._packed:
            self.why = self.why or f"{file} is read behind a pragma pack"
        while fresh:
            # The lowest bit is the one that was entered first.
            bit = fresh & -fresh
            other = a._order[bit.bit_length() - 1]
            if a._needed[other] & (bit - 1) != a._needed[other] & self.read:
                self.why = self.why or f"{other} comes in another order"
            self.read |= bit
            fresh ^= bit
        for offset, step in reading.steps:
            self._step(file, offset, step, inside)

    def _use(self, path: str, event: Event) -> None:
        why = self._objection(path, event)
        packs = event.kind == "pragma" and _PACK in event.names
        if (packs or (why and not self.why)) and self._a._texts.is_left_out(path, event, self._left_out(path)):
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
        names = self._meant(event.names)
        if early := self._early(names):
            return f"{path}: {min(early)} would not be a macro yet"
        if not names.isdisjoint(self._foreign):
            return f"{path}: {min(names & self._foreign)} is known from a header that it does not read"
        return ""

    def _early(self, names: frozenset[str]) -> Sequence[str]:
        """Those that a shared header makes a macro that is still to be read."""
        coming = self._whole & ~self.read
        macros = self._a._macros
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
        a, coming = self._a, self._whole & ~self.read
        for name in names:
            if not a.written(name) & coming:
                continue
            harmless = is_message(definition) or (is_itself(name, definition) and not a._defaults.get(name, 0) & coming)
            if a._tested.get(name, 0) & coming or not harmless:
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
    return _STRING.search(body) is not None and all(w in known or w.startswith(_UNITS_NAME) for w in words)
