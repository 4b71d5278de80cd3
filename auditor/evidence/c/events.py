# SPDX-License-Identifier: GPL-2.0-only
"""A file as the preprocessor sees it: directives, and the text between them, each with the names that it writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from auditor.evidence.c.source import Sources, blanked

_DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w*)([^\\\n]*(?:\\[\s\S][^\\\n]*)*)", re.M)
# Numbers, too: whatever stands together, so that 1ULL is no ULL.
_NAME = re.compile(r"\w+")
_SAYS = re.compile(r"\S")
STRANGE = "#"
"""A name in directives that are not understood."""
INSIDE = "{"
"""A name in includes that stand in a declaration."""
Lines = Sequence[tuple[int, int]]
"""(first, last) of lines that conditionals left out, with the directives around them."""


@dataclass(frozen=True, slots=True)
class Event:
    """A piece of a file; `names` are the identifiers in it. `kind`: "include", "define", "undef", "pragma", "test" (a
    conditional), "default" (one that only gives a macro a value where it has none), "endif" or "text". `body`: of a
    definition, what the macro writes; of a conditional, what is expanded in it."""

    offset: int
    end: int
    kind: str
    names: frozenset[str]
    body: frozenset[str] = frozenset()


class Events:
    """Those of files, each file read once per process."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._known: dict[str, tuple[Event, ...]] = {}

    def of(self, path: str) -> tuple[Event, ...]:
        known = self._known.get(path)
        if known is None:
            text = self._sources.get(path).text
            found = list(_events(blanked(text)))
            if "%:" in text:
                # A directive in disguise.
                found.insert(0, Event(0, 0, "pragma", frozenset([STRANGE])))
            for i, (test, define, end) in enumerate(zip(found, found[1:], found[2:], strict=False)):
                kinds = (test.kind, define.kind, end.kind)
                if kinds == ("test", "define", "endif") and test.names == define.names:
                    found[i] = replace(test, kind="default")
            known = self._known[path] = tuple(found)
        return known

    def is_silent(self, path: str, left_out: Lines) -> bool:
        """Whether a file gives nothing but directives if these lines are left out."""
        said = (e for e in self.of(path) if e.kind in ("text", "pragma"))
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
                yield Event(match.start(), match.start(), "test", names, names)
            yield Event(match.start(), last, word, frozenset([INSIDE] if depth or odd else ()))
        elif word == "undef":
            yield Event(match.start(), last, word, names)
        elif word in ("if", "ifdef", "ifndef", "elif"):
            # Whether there is a macro is all that #ifdef asks.
            yield Event(match.start(), last, "test", names, names if word in ("if", "elif") else frozenset())
        elif word == "endif":
            yield Event(match.start(), last, word, frozenset())
        elif word not in ("else", "error", "warning", "line", "ident", ""):
            # #import, #include_next and what else there may be.
            yield Event(match.start(), last, "pragma", names | {STRANGE})
    yield from _text(text, last, len(text))


def _text(text: str, lo: int, hi: int) -> Iterator[Event]:
    if _SAYS.search(text, lo, hi):
        yield Event(lo, hi, "text", frozenset(_NAME.findall(text, lo, hi)))
