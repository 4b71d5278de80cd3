# SPDX-License-Identifier: GPL-2.0-only
"""The sources of some units and all headers that they may include, as texts; nothing is preprocessed."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.errors import InputError
from auditor.files import read_bounded
from auditor.kernel.definitions import identifiers
from auditor.kernel.flags import searched
from auditor.kernel.mentions import Words
from auditor.kernel.texts import files_below
from auditor.model import Unit

_LARGEST = 64 << 20
_INCLUDE = re.compile(rb'#[ \t]*include(?:_next)?[ \t]*(["<])([^>"\n]+)')


@dataclass(frozen=True, slots=True)
class Text:
    """`includes`: (is quoted, name); `words`: the identifiers; `named`: those of them that name the struct."""

    data: bytes
    includes: tuple[tuple[bool, str], ...]
    words: frozenset[bytes]
    named: frozenset[bytes]


class Headers:
    """Files of tree and build, each read once. What cannot be read has no text.

    `arch`: the directory below arch/ that counts. `directories`: where headers are looked for, absolute.
    """

    def __init__(self, words: Words, roots: Sequence[Path], arch: str, directories: Iterable[str]) -> None:
        self._words = words
        self._directories = frozenset(directories)
        self._known: dict[str, Text] = {}
        self._included: dict[str, tuple[str, ...]] = {}
        self._searched: dict[str, tuple[str, ...]] = {}
        self._all: set[str] = set()
        self._by_name: dict[str, list[str]] = {}
        own = tuple(f"{os.fspath(r)}{os.sep}" for r in roots)
        for root in map(os.fspath, roots):
            # What cannot be read is told by those who read for its own sake.
            for path, _ in files_below(root, _foreign(root, arch), []):
                if path not in self._all:
                    self._all.add(path)
                    self._by_name.setdefault(os.path.basename(path), []).append(path)
        self._elsewhere = tuple(d for d in sorted(self._directories) if not f"{d}{os.sep}".startswith(own))

    def get(self, path: str) -> Text:
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = read_text(path, self._words)
        return known

    @property
    def read(self) -> Collection[str]:
        """The files that were asked for until now."""
        return self._known.keys()

    @property
    def elsewhere(self) -> Sequence[str]:
        """Directories outside of tree and build that are searched, of a module that is built there."""
        return self._elsewhere

    def included(self, path: str) -> tuple[str, ...]:
        """Every file that an #include of this one may mean for some unit, in whatever conditional it stands."""
        known = self._included.get(path)
        if known is None:
            here = os.path.dirname(path)
            found = (f for quoted, name in self.get(path).includes for f in self.resolve(name, here if quoted else ""))
            known = self._included[path] = tuple(dict.fromkeys(found))
        return known

    def resolve(self, name: str, here: str = "") -> tuple[str, ...]:
        """`here`: the directory of the file that includes a quoted name."""
        beside = os.path.normpath(os.path.join(here, name)) if here else ""
        if beside and (beside in self._all or (self._elsewhere and os.path.isfile(beside))):
            return (beside,)
        known = self._searched.get(name)
        if known is None:
            known = self._searched[name] = tuple(self._search(name))
        return known

    def _search(self, name: str) -> Iterator[str]:
        end = f"{os.sep}{os.path.normpath(name)}"
        for path in self._by_name.get(os.path.basename(name), ()):
            if path.endswith(end) and path.removesuffix(end) in self._directories:
                yield path
        for path in (os.path.normpath(os.path.join(d, name)) for d in self._elsewhere):
            if os.path.isfile(path):
                yield path


def read_text(path: str, words: Words) -> Text:
    """What cannot be read is empty. `words` name the struct."""
    try:
        data = read_bounded(path, _LARGEST)
    except InputError:
        data = b""
    found = identifiers(data)
    named = frozenset(filter(words.named_in, found)) if words.named_in(data) else frozenset()
    includes = tuple((quote == b'"', os.fsdecode(name)) for quote, name in _INCLUDE.findall(data))
    return Text(data, includes, found, named)


def all_searched(units: Iterable[Unit]) -> frozenset[str]:
    """Where any of the units looks for headers."""
    return frozenset(d for unit in units for d in searched(unit.arguments, unit.directory))


def _foreign(root: str, arch: str) -> frozenset[str]:
    """The directories of other architectures."""
    try:
        entries = os.scandir(os.path.join(root, "arch"))
    except OSError:
        return frozenset()
    with entries:
        return frozenset(e.path for e in entries if e.name != arch)
