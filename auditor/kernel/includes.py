# SPDX-License-Identifier: GPL-2.0-only
"""What the preprocessor directives of a text say: files that include each other, names that are tested and defined.

Read from the text alone, so an `#include` counts whatever conditional it stands in: more files are reached than a
compilation reads, never fewer but for those that a macro names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

_DIRECTIVE = re.compile(
    r"^[ \t]*#[ \t]*(include|define|undef|if|ifdef|ifndef|elif|else|endif)\b([^\\\n]*(?:\\[\s\S][^\\\n]*)*)", re.M
)
_INCLUDED = re.compile(r'[ \t]*([<"])([^>"\n]+)[>"]')
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Directives:
    """`includes`: (is quoted, name). `before`: (name, from the name on) of the macros set or unset above the last one.

    `tested`: names in conditionals, without those in `defaults`: names that are asked for only to give them a value,
    `#ifndef X`, `#define X`, `#endif`.
    """

    includes: tuple[tuple[bool, str], ...]
    before: tuple[tuple[str, str], ...]
    tested: frozenset[str]
    defaults: frozenset[str]


@cache
def directives(path: str) -> Directives:
    """Of a file that cannot be read: none."""
    try:
        with open(path, encoding="latin-1") as stream:
            found = [(m.group(1), m.group(2)) for m in _DIRECTIVE.finditer(stream.read())]
    except OSError:
        found = []
    includes: list[tuple[bool, str]] = []
    tested: set[str] = set()
    defaults: set[str] = set()
    defined: list[tuple[str, str]] = []
    last = 0
    for i, (word, rest) in enumerate(found):
        if word == "include":
            match = _INCLUDED.match(rest)
            includes += [(match.group(1) == '"', match.group(2))] if match else []
            last = len(defined)
        elif word in ("define", "undef"):
            name = _NAME.search(rest)
            defined += [(name.group(), rest.strip())] if name else []
        elif word in ("if", "ifdef", "ifndef", "elif"):
            (defaults if _is_default(found[i : i + 3]) else tested).update(_NAME.findall(rest))
    return Directives(tuple(includes), tuple(defined[:last]), frozenset(tested), frozenset(defaults - tested))


def _is_default(three: Sequence[tuple[str, str]]) -> bool:
    """`#ifndef X`, `#define X ...`, `#endif`. A header's guard is none: it ends with the header."""
    if [word for word, _ in three] != ["ifndef", "define", "endif"]:
        return False
    asked, given = (_NAME.search(rest) for _, rest in three[:2])
    return asked is not None and given is not None and asked.group() == given.group()


class Includes:
    """Files as `#include` finds them: quoted names beside their file first, then in `directories`, in this order."""

    def __init__(self, directories: Sequence[str]) -> None:
        self._directories = tuple(directories)
        self._found: dict[tuple[str, str], str] = {}
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, path: str) -> tuple[str, ...]:
        """The files that a file includes; names that lead nowhere are left out."""
        known = self._known.get(path)
        if known is None:
            here = os.path.dirname(path)
            found = (self._resolve(name, here if quoted else "") for quoted, name in directives(path).includes)
            known = self._known[path] = tuple(dict.fromkeys(f for f in found if f))
        return known

    def _resolve(self, name: str, here: str) -> str:
        known = self._found.get((name, here))
        if known is None:
            places = (os.path.normpath(os.path.join(d, name)) for d in ((here,) if here else ()) + self._directories)
            known = self._found[name, here] = next(filter(os.path.isfile, places), "")
        return known

    def closure(self, files: Iterable[str]) -> set[str]:
        """The files and everything that they include."""
        seen = set(files)
        waiting = list(seen)
        while waiting:
            fresh = [f for f in self.of(waiting.pop()) if f not in seen]
            seen.update(fresh)
            waiting += fresh
        return seen

    def reaching(self, files: Iterable[str], marks: Mapping[str, int]) -> Mapping[str, int]:
        """{file: the marks, or-ed, of everything that it includes and its own}, for files and all that they include."""
        above: dict[str, list[str]] = {}
        for file in self.closure(files):
            for included in self.of(file):
                above.setdefault(included, []).append(file)
        found = dict(marks)
        waiting = list(marks)
        while waiting:
            file = waiting.pop()
            for up in above.get(file, ()):
                more = found.get(up, 0) | found[file]
                if more != found.get(up):
                    found[up] = more
                    waiting.append(up)
        return found
