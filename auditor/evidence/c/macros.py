# SPDX-License-Identifier: GPL-2.0-only
"""Where in a macro's definition a dependence is written.

libclang 18 gives every token of a macro body the place of the expansion and records no nested expansion. So the
definitions are read from the text of the included files, and a dependence found in an expansion is searched again in
the tokens of the definition, then in those of the macros that it names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from auditor.evidence.c.source import Sources

_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(\([^)]*\))?", re.M)
_TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|\w+|->|##|[^\s\w\\]", re.S)
_DEPTH = 12
_MAX_PASTED = 16


class Token(NamedTuple):
    text: str
    offset: int


class Macro(NamedTuple):
    """A definition. `offset` is that of the name, `end` the end of the last line of the body."""

    name: str
    path: str
    offset: int
    body: int
    end: int
    parameters: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a definition: the macro that holds it, and the bytes of the tokens that were looked for."""

    macro: Macro
    lo: int
    hi: int


class Definitions:
    """Macro definitions of the files that a process has seen, each file read once, when first asked for."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._read: dict[str, list[Macro]] = {}
        self._by_name: dict[str, list[Macro]] = {}
        self.ambiguous: set[str] = set()
        """Names that are defined in more than one place: which definition counts differs from unit to unit."""
        self._tokens: dict[tuple[str, int], list[Token]] = {}

    def named(self, name: str) -> list[Macro]:
        return self._by_name.get(name, [])

    def starting(self, prefix: str) -> list[str]:
        """Macros that a paste of `prefix` and a number may name, such as ARGS1 to ARGS6 for ARGS##n."""
        found = [prefix + str(n) for n in range(_MAX_PASTED)] if prefix.isidentifier() else []
        return [name for name in found if name in self._by_name]

    def body(self, macro: Macro) -> str:
        return self._sources.get(macro.path).text[macro.body : macro.end]

    def read(self, path: str) -> list[Macro]:
        """The macros of a file; an empty list when it was read before."""
        found: list[Macro] = []
        if path not in self._read:
            self._read[path] = found
            text = self._sources.get(path).text
            for match in _DEFINE.finditer(text):
                end = match.end()
                while (newline := text.find("\n", end)) >= 0 and text[newline - 1] == "\\":
                    end = newline + 1
                end = newline if newline >= 0 else len(text)
                parameters = match.group(2)
                names = tuple(p.strip() for p in parameters[1:-1].split(",")) if parameters is not None else None
                macro = Macro(match.group(1), path, match.start(1), match.end(), end, names)
                same = self._by_name.setdefault(macro.name, [])
                same.append(macro)
                if len(same) > 1:
                    self.ambiguous.add(macro.name)
                found.append(macro)
        return found

    def of(self, path: str) -> list[Macro]:
        """The macros of a file."""
        return self.read(path) or self._read[path]

    def tokens(self, macro: Macro) -> list[Token]:
        key = (macro.path, macro.offset)
        cached = self._tokens.get(key)
        if cached is None:
            text = self._sources.get(macro.path).text
            matches = _TOKEN.finditer(text, macro.body, macro.end)
            cached = [Token(m.group(), m.start()) for m in matches if not m.group().startswith(("/*", "//"))]
            self._tokens[key] = cached
        return cached


class Expansions:
    """The definitions that are active in one unit, of files that `Definitions` has read.

    `active(path, offset)` asks libclang whether the name at an offset
    is a definition that the preprocessor saw."""

    def __init__(self, definitions: Definitions, files: Iterable[str], active: Callable[[str, int], bool]) -> None:
        self._definitions = definitions
        self._order = {path: i for i, path in enumerate(files)}
        self._active = active
        self._chosen: dict[str, list[Macro]] = {}
        self._places: dict[tuple[Macro, tuple[str, ...]], tuple[list[Place], list[Place]]] = {}

    def get(self, name: str, before: tuple[str, int] | None = None) -> Macro | None:
        """The active definition of `name`. Of several, the last one above the use `before` (path, offset) if they are
        in its file, else the last one read."""
        if name not in self._chosen:
            candidates = [m for m in self._definitions.named(name) if m.path in self._order]
            active = [m for m in candidates if self._active(m.path, m.offset)]
            self._chosen[name] = sorted(active, key=lambda m: (self._order[m.path], m.offset))
        chosen = self._chosen[name]
        if before is not None and len(chosen) > 1:
            above = [m for m in chosen if m.path == before[0] and m.offset < before[1]]
            return above[-1] if above else chosen[-1]
        return chosen[-1] if chosen else None

    def find(
        self, name: str, needle: tuple[str, ...], nth: int, paste: bool = True, before: tuple[str, int] | None = None
    ) -> Place | None:
        """The nth place (from 0, modulo their number) where the expansion of `name` writes the tokens `needle`.

        An element of a needle may be a choice, "->|.". Where no body holds them all, the last one alone may be an
        argument that one macro passes to another; where that fails too, and with `paste`, it may be a pasted token.
        An empty needle stands for the whole body.
        """
        top = self.get(name, before)
        if not needle:
            macro = top
            tokens = self._definitions.tokens(macro) if macro else []
            return Place(macro, tokens[0].offset, tokens[0].offset) if macro and tokens else None
        place, pasted = self._find(top, needle, nth)
        if place is None and len(needle) > 1:
            place, pasted = self._find(top, needle[-1:], nth)
        return place or (pasted if paste else None)

    def writes(self, name: str, inner: str) -> bool:
        """Whether the body of macro `name` itself holds the token `inner`."""
        macro = self.get(name)
        return macro is not None and any(t.text == inner for t in self._definitions.tokens(macro))

    def _find(self, macro: Macro | None, needle: tuple[str, ...], nth: int) -> tuple[Place | None, Place | None]:
        if macro is None:
            return None, None
        known = self._places.get((macro, needle))
        if known is None:
            found: list[Place] = []
            pasted: list[Place] = []
            choices = [n.split("|") if len(n) > 1 and "|" in n else [n] for n in needle]
            self._search(macro, choices, found, pasted, set(), 0)
            known = self._places[macro, needle] = (list(dict.fromkeys(found)), list(dict.fromkeys(pasted)))
        written, glued = known
        first = written[nth % len(written)] if written else None
        return first, glued[nth % len(glued)] if glued else None

    def _search(
        self,
        macro: Macro | None,
        choices: list[list[str]],
        found: list[Place],
        pasted: list[Place] | None,
        seen: set[tuple[str, bool]],
        depth: int,
    ) -> None:
        """Each macro is looked at once, and once more if only what it pastes was not wanted (None) the first time."""
        if macro is None or (macro.name, pasted is None) in seen or depth > _DEPTH:
            return
        seen.add((macro.name, pasted is None))
        tokens = self._definitions.tokens(macro)
        for i, token in enumerate(tokens):
            window = tokens[i : i + len(choices)]
            if len(window) == len(choices) and all(t.text in c for t, c in zip(window, choices, strict=True)):
                found.append(Place(macro, window[0].offset, window[-1].offset + len(window[-1].text)))
            if token.text == "##" and i:
                if pasted is not None:
                    pasted.append(Place(macro, tokens[i - 1].offset, token.offset))
                for other in self._definitions.starting(tokens[i - 1].text):
                    self._search(self.get(other), choices, found, None, seen, depth + 1)
            elif token.text in choices[0]:
                # The macro that was looked for, as offsetof: what it is made of is no place of its own.
                continue
            elif token.text[0].isidentifier() and token.text not in (macro.parameters or ()):
                self._search(self.get(token.text), choices, found, pasted, seen, depth + 1)
