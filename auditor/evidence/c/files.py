# SPDX-License-Identifier: GPL-2.0-only
"""The files of one parsed unit: paths, which of them matter, where a cursor is, what the preprocessor left out."""

from __future__ import annotations

import bisect
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from ctypes import CFUNCTYPE, POINTER, c_uint, c_void_p, cast
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from clang import cindex

from auditor.evidence.c.api import Api, Cursor, K, Location, RangeList
from auditor.evidence.c.source import Sources

_INCLUSION = CFUNCTYPE(None, c_void_p, c_void_p, c_uint, c_void_p)
_IN_MACRO = 1 << 31


@cache
def _real(path: str) -> str:
    return os.path.realpath(path)


class Hot:
    """Where files write a word that leads to the struct. Each file is searched once per process."""

    def __init__(self, sources: Sources, words: Iterable[str]) -> None:
        self._sources = sources
        given = set(words)
        # Where one is, its part is.
        self._words = sorted(w for w in given if not any(part != w and part in w for part in given))
        self._pattern = re.compile("|".join(map(re.escape, self._words)))
        self._known: dict[str, list[int]] = {"": []}

    def _offsets(self, path: str) -> list[int]:
        known = self._known.get(path)
        if known is None:
            text = self._sources.get(path).text
            # Few files hold one, and to look for each of them takes a quarter of the time of looking for all.
            found = self._pattern.finditer(text) if any(w in text for w in self._words) else ()
            known = self._known[path] = [m.start() for m in found]
        return known

    def is_hot(self, path: str) -> bool:
        return bool(self._offsets(path))

    def within(self, path: str, lo: int, hi: int) -> bool:
        """Whether a word starts in [lo, hi)."""
        offsets = self._offsets(path)
        i = bisect.bisect_left(offsets, lo)
        return i < len(offsets) and offsets[i] < hi


@dataclass(slots=True)
class Reading:
    """One time that a file is read, or would be but for its guard. `steps`: the directives that were active, in their
    order: (offset of the directive, what it includes) or (offset of the name, the macro that it defines)."""

    path: str
    steps: list[tuple[int, Reading | str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Record:
    """What the preprocessor met. `others`: what is read because of the command, not of the source. `included`: {file:
    files that it includes}, "" being the command. `whole` is false where an order could not be made out."""

    source: Reading
    others: Sequence[Reading]
    included: Mapping[str, Sequence[str]]
    whole: bool

    def definitions(self) -> dict[str, set[int]]:
        """{file: where it defines the macros that were asked for}"""
        found: dict[str, set[int]] = {}
        waiting = [self.source, *self.others]
        while waiting:
            reading = waiting.pop()
            for offset, step in reading.steps:
                if isinstance(step, Reading):
                    waiting.append(step)
                else:
                    found.setdefault(reading.path, set()).add(offset)
        return found


class Files:
    def __init__(
        self, api: Api, tu: cindex.TranslationUnit, directory: str, root: str, size: Callable[[str], int]
    ) -> None:
        """`size`: of a file, in bytes; 0 where that is not known: each of its locations is asked for then."""
        self._api, self._tu, self._size = api, tu, size
        self._directory, self._root = directory, root.rstrip("/") + "/"
        self._build = _real(directory).rstrip("/") + "/"
        self._paths: dict[int, str] = {0: ""}
        self._starts: list[int] = []
        self._spans: list[tuple[int, int]] = []
        self._left_out: dict[int, list[tuple[int, int]]] = {}
        self._all: dict[int, list[tuple[int, int]]] | None = None
        lib = cindex.conf.lib
        self._skipped = lib["clang_getSkippedRanges"]
        self._skipped.argtypes, self._skipped.restype = [c_void_p, c_void_p], POINTER(RangeList)
        self._all_skipped = lib["clang_getAllSkippedRanges"]
        self._all_skipped.argtypes, self._all_skipped.restype = [c_void_p], POINTER(RangeList)

    def handles(self) -> dict[int, int]:
        """{file: how often it was read}, in the order in which they were entered; the unit's source comes first."""
        found: dict[int, int] = {}

        def visitor(file: int | None, stack: object, depth: int, data: object) -> None:
            found[file or 0] = found.get(file or 0, 0) + 1

        function = cindex.conf.lib["clang_getInclusions"]
        function.argtypes, function.restype = [c_void_p, _INCLUSION, c_void_p], None
        function(self._tu.obj, _INCLUSION(visitor), None)
        found.pop(0, None)
        return found

    def record(self, unit: Cursor, concerns: Callable[[str], bool]) -> Record:
        """What the preprocessor met in the files of the unit; of macros those that concern.

        clang keeps it in the order in which it was met, each reading of a file apart.
        """
        api = self._api
        source = Reading(self.path(self.main()))
        stack: list[Reading] = []
        others: list[Reading] = []
        included: dict[str, dict[str, None]] = {}
        whole = True
        for cursor in api.preprocessing(unit, (K.INCLUSION, K.MACRO_DEFINITION)):
            name = api.text(api.getCursorSpelling(cursor)) if cursor.kind == K.MACRO_DEFINITION else ""
            if name and not concerns(name):
                continue
            handle, _, _, offset = api.place(api.getCursorLocation(cursor))
            path = self.path(handle)
            while stack and stack[-1].path != path:
                stack.pop()
            if not stack:
                # No directive leads to the unit's own source.
                whole = whole and path in (source.path, "")
                stack = [source if path == source.path else Reading(path)]
                others += [] if path == source.path else stack
            if name:
                stack[-1].steps.append((offset, name))
            elif file := api.getIncludedFile(cursor):
                reading = Reading(self.path(file))
                included.setdefault(path, {})[reading.path] = None
                stack[-1].steps.append((offset, reading))
                stack.append(reading)
        return Record(source, others, {path: tuple(many) for path, many in included.items()}, whole)

    def handle(self, file: cindex.File) -> int:
        """The CXFile behind the binding's object: what locations are given in."""
        return cast(file.obj, c_void_p).value or 0

    def main(self) -> int:
        return self.handle(self._tu.get_file(self._tu.spelling))

    def path(self, handle: int) -> str:
        path = self._paths.get(handle)
        if path is None:
            name = self._api.text(self._api.getFileName(handle))
            path = os.path.normpath(os.path.join(self._directory, name))
            if not path.startswith(self._root):
                # The tree may have been named by a link, and a build keeps one of its own.
                real = _real(path)
                path = real if real.startswith(self._root) else path
            self._paths[handle] = path
        return path

    def inside(self, path: str) -> bool:
        """In the tree or the build: the text of other files is not printed (a compile command may name any)."""
        real = _real(path)
        return real.startswith((self._root, self._build))

    def relative(self, path: str) -> str:
        """As the report has it: relative to the tree, or as it is outside of it."""
        return path.removeprefix(self._root)

    def locate_all(self, cursors: Sequence[Cursor]) -> list[tuple[int, int]]:
        """(handle of its file, byte offset of its name) of each declaration; -1 for a name that a macro makes.

        Locations are numbers, and each entered file has a range of them (clang's SourceManager): one look per file is
        enough, where asking for the place of all 12,000 declarations would cost a tenth of the parse. Neighbours are
        mostly in one file.
        """
        locate = self._api.getCursorLocation
        places = []
        first, last, handle = 1, 0, 0
        for cursor in cursors:
            location: Location = locate(cursor)
            raw = location.data
            if raw & _IN_MACRO:
                places.append((self._api.place(location)[0], -1))
                continue
            if not first <= raw <= last:
                first, last, handle = self._range(raw, location)
            places.append((handle, raw - first))
        return places

    def _range(self, raw: int, location: Location) -> tuple[int, int, int]:
        """(first location, last location, handle) of the file that a location outside of macros is in."""
        i = bisect.bisect_right(self._starts, raw) - 1
        if i >= 0 and raw <= self._spans[i][0]:
            return self._starts[i], *self._spans[i]
        handle, _, _, offset = self._api.place(location)
        start = raw - offset
        end = start + self._size(self.path(handle))
        at = bisect.bisect_left(self._starts, start)
        self._starts.insert(at, start)
        self._spans.insert(at, (end, handle))
        return start, end, handle

    def is_active(self, path: str, offset: int) -> bool:
        """Whether the name at `offset` is a macro definition that the preprocessor read."""
        file = cindex.File.from_name(self._tu, path)
        location = cindex.SourceLocation.from_offset(self._tu, file, offset)
        return bool(cindex.Cursor.from_location(self._tu, location)._kind_id == K.MACRO_DEFINITION)

    def skipped(self, read: Mapping[int, int]) -> Mapping[str, tuple[tuple[int, int], ...]]:
        """{relative path: ranges of lines that the preprocessor left out each time}, of files read so many times."""
        found: dict[str, tuple[tuple[int, int], ...]] = {}
        for handle, times in read.items():
            # Asked for one file, libclang tells of the first time that it was read.
            told = self.left_out(handle) if times == 1 else self._everywhere().get(handle, ())
            if always := covered(told, times):
                found[self.relative(self.path(handle))] = always
        return found

    def _everywhere(self) -> Mapping[int, Sequence[tuple[int, int]]]:
        if self._all is None:
            self._all = {}
            for handle, lines in self._lines(self._all_skipped(self._tu.obj)):
                self._all.setdefault(handle, []).append(lines)
        return self._all

    def left_out(self, handle: int) -> Sequence[tuple[int, int]]:
        """The lines that the preprocessor left out of a file that was read once: each range begins with the conditional
        and ends with the next one or the #endif of it."""
        known = self._left_out.get(handle)
        if known is None:
            known = self._left_out[handle] = [r for _, r in self._lines(self._skipped(self._tu.obj, handle))]
        return known

    def _lines(self, ranges: Any) -> list[tuple[int, tuple[int, int]]]:
        """(file, (first line, last line)) of each range; the list is given back to libclang."""
        api = self._api
        if not ranges:
            return []
        found = []
        for i in range(ranges.contents.count):
            handle, first, _, _ = api.place(api.getRangeStart(ranges.contents.ranges[i]))
            found.append((handle, (first, api.place(api.getRangeEnd(ranges.contents.ranges[i]))[1])))
        api.disposeSourceRangeList(ranges)
        return found


def covered(ranges: Iterable[tuple[int, int]], times: int) -> tuple[tuple[int, int], ...]:
    """The lines that at least so many of the ranges hold, as sorted ranges; both ends are included."""
    steps = Counter[int]()
    for first, last in ranges:
        steps[first] += 1
        steps[last + 1] -= 1
    found: list[tuple[int, int]] = []
    depth, start = 0, 0
    for line in sorted(steps):
        before, depth = depth, depth + steps[line]
        if before < times <= depth:
            start = line
        elif depth < times <= before:
            found.append((start, line - 1))
    return tuple(found)
