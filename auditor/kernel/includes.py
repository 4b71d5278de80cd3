# SPDX-License-Identifier: GPL-2.0-only
"""What the preprocessor directives of a text say: files that include each other, names that are tested and defined.

Read from the text alone: an `#include` in a conditional does not count, so that what is reached is what any compilation
reads, as far as a text can say that.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from auditor.errors import InputError
from auditor.files import read_bounded

_DIRECTIVE = re.compile(
    r"^[ \t]*#[ \t]*(include|define|undef|if|ifdef|ifndef|elif|else|endif)\b([^\\\n]*(?:\\[\s\S][^\\\n]*)*)", re.M
)
_INCLUDED = re.compile(r'[ \t]*([<"])([^>"\n]+)[>"]')
_LARGEST = 8 << 20
"""Bytes of a header that are looked at; the largest of the kernel's own, register lists, are left out."""
_NAME = re.compile(r"[A-Za-z_]\w*")
_ALWAYS = {("ifdef", "__KERNEL__"), ("ifndef", "__ASSEMBLY__"), ("ifndef", "__ASSEMBLER__")}
"""Conditions that hold wherever a kernel's C is compiled."""


@dataclass(frozen=True, slots=True)
class Directives:
    """`includes`: (is quoted, name), of those that stand in no condition. `tested`: names in conditionals.

    `before`: (name, from the name on) of the macros set or unset above the last include.
    """

    includes: tuple[tuple[bool, str], ...]
    before: tuple[tuple[str, str], ...]
    tested: frozenset[str]


@cache
def _of_file(path: str) -> Directives:
    """Of a file that cannot be read: none."""
    try:
        return directives(read_bounded(path, _LARGEST).decode("latin-1"))
    except InputError:
        return directives("")


def unconditional(path: str) -> tuple[tuple[bool, str], ...]:
    """(is quoted, name) of what a file includes in any case."""
    return _of_file(path).includes


def directives(text: str) -> Directives:
    found = [(m.group(1), m.group(2)) for m in _DIRECTIVE.finditer(text)]
    includes: list[tuple[bool, str]] = []
    tested: set[str] = set()
    defined: list[tuple[str, str]] = []
    conditions: list[bool] = []
    last = 0
    for i, (word, rest) in enumerate(found):
        names = _NAME.findall(rest)
        if word == "include":
            match = _INCLUDED.match(rest)
            if match and all(conditions):
                includes.append((match.group(1) == '"', match.group(2)))
            last = len(defined)
        elif word in ("define", "undef"):
            defined += [(names[0], rest.strip())] if names else []
        elif word == "endif":
            conditions = conditions[:-1]
        else:
            tested.update(names)
            conditions = conditions[:-1] if word in ("else", "elif") else conditions
            guard = i == 0 and word == "ifndef" and [w for w, _ in found[1:2]] == ["define"]
            conditions.append(guard or (word, *names) in _ALWAYS)
    return Directives(tuple(includes), tuple(defined[:last]), frozenset(tested))


def closure(files: Iterable[str], included: Callable[[str], Iterable[str]]) -> set[str]:
    """The files and everything that they include, by themselves or through others."""
    seen = set(files)
    waiting = list(seen)
    while waiting:
        fresh = [f for f in included(waiting.pop()) if f not in seen]
        seen.update(fresh)
        waiting += fresh
    return seen


class Includes:
    """Files as `#include` finds them: quoted names beside their file first, then in `directories`, in this order.

    Only files below one of `roots` count: a tree may name any file, and none but its own is opened for its sake.
    """

    def __init__(self, directories: Sequence[str], roots: Sequence[str]) -> None:
        self._directories = tuple(directories)
        self._roots = tuple(os.path.realpath(r) + os.sep for r in roots)
        self._found: dict[tuple[str, str], str] = {}
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, path: str) -> tuple[str, ...]:
        """The files that a file includes; names that lead nowhere are left out."""
        known = self._known.get(path)
        if known is None:
            here = os.path.dirname(path)
            found = (self._resolve(name, here if quoted else "") for quoted, name in _of_file(path).includes)
            known = self._known[path] = tuple(dict.fromkeys(f for f in found if f))
        return known

    def _resolve(self, name: str, here: str) -> str:
        known = self._found.get((name, here))
        if known is None:
            places = (os.path.normpath(os.path.join(d, name)) for d in ((here,) if here else ()) + self._directories)
            found = next(filter(os.path.isfile, places), "")
            known = self._found[name, here] = found if os.path.realpath(found).startswith(self._roots) else ""
        return known

    def closure(self, files: Iterable[str]) -> set[str]:
        """The files and everything that they include."""
        return closure(files, self.of)

    def reaching(self, files: Iterable[str], marks: Mapping[str, int]) -> Mapping[str, int]:
        """{file: the marks, or-ed, of everything that it includes and its own}, for files and all that they include."""
        order = self._below_first(files)
        found = {f: marks.get(f, 0) for f in order}
        changed = True
        while changed:
            # Once more for headers that include each other.
            changed = False
            for file in order:
                mark = found[file]
                for included in self.of(file):
                    mark |= found[included]
                changed = changed or mark != found[file]
                found[file] = mark
        return found

    def _below_first(self, files: Iterable[str]) -> list[str]:
        """The files and everything that they include, each behind what it includes unless that includes it."""
        order: dict[str, None] = {}
        entered: set[str] = set()
        waiting = [(f, False) for f in files]
        while waiting:
            file, left = waiting.pop()
            if left:
                order[file] = None
            elif file not in entered:
                entered.add(file)
                waiting.append((file, True))
                waiting += ((f, False) for f in self.of(file) if f not in entered)
        return list(order)
