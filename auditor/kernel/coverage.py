# SPDX-License-Identifier: GPL-2.0-only
"""Which mentions the analysis has read, and for each of the others why not. Pure: no file is opened."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from auditor.kernel.mentions import Mention
from auditor.model import Coverage, Failure, Ignore, Uncovered, Unit

Range = tuple[int, int]
"""First and last line, both included."""

_C = frozenset({".c", ".h", ".inl"})
_ASSEMBLY = frozenset({".S", ".s"})
_NOT_SELECTED = "unit not selected"
_DOCUMENTATION = "Documentation"
_TOP_REASONS = {
    "tools": "tools: not built by this configuration",
    "samples": "samples: not in this configuration",
}


@dataclass(frozen=True, slots=True)
class Looked:
    """What an analysis had and what it read; files as in `Unit.source`, objects as in `Unit.object`.

    `analysed`: objects whose C was analysed to its end. `included`: files that these units read besides their source.
    `inactive`: lines that the preprocessor skipped in every analysed unit that reads the file (`common_ranges`).
    `assembly_read`: the `.S` sources, and what they include, that were analysed as assembly.
    `failures`: of units, selected or not; `object` tells two units of one source apart.
    """

    arch_directory: str
    units: tuple[Unit, ...]
    analysed: frozenset[str]
    included: frozenset[str] = frozenset()
    inactive: Mapping[str, Sequence[Range]] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    assembly_units: tuple[Unit, ...] = ()
    assembly_read: frozenset[str] = frozenset()


def common_ranges(one: Iterable[Range], other: Iterable[Range]) -> tuple[Range, ...]:
    """The lines that are in both; each argument is sorted and without overlaps, and so is the result."""
    left, right = list(one), list(other)
    found: list[Range] = []
    i = j = 0
    while i < len(left) and j < len(right):
        first, last = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if first <= last:
            found.append((first, last))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def coverage(mentions: Iterable[Mention], looked: Looked) -> Coverage:
    """Count the mentions that were read and give the others with their reason, in the order of `mentions`.

    A mention in a file that one unit read and another unit failed on is covered: its text was analysed.
    """
    reasons = _Reasons(looked)
    total = 0
    uncovered: list[Uncovered] = []
    for mention in mentions:
        total += 1
        why = reasons.why_unseen(mention.file, mention.line)
        if why:
            uncovered.append(Uncovered(mention.file, mention.line, why))
    return Coverage(
        units=len(looked.units),
        units_analysed=len(looked.analysed),
        units_failed=looked.failures,
        mentions=total,
        mentions_covered=total - len(uncovered),
        uncovered=tuple(uncovered),
    )


def with_unseen(ignores: Iterable[Ignore], looked: Looked) -> tuple[Ignore, ...]:
    """The ignores, each with the reason why its place was not looked at.

    The source of a unit that was not selected was: nothing in it can lead to the struct, and no site be there.
    """
    reasons = _Reasons(looked)
    found = []
    for ignore in ignores:
        why = reasons.why_unseen(ignore.file, ignore.below or ignore.lines[1])
        found.append(replace(ignore, unseen="" if why == _NOT_SELECTED else why))
    return tuple(found)


class _Reasons:
    """Why a line was not read, from the most to the least particular reason."""

    def __init__(self, looked: Looked) -> None:
        analysed = frozenset(u.source for u in looked.units if u.object in looked.analysed)
        self._read = analysed | looked.included
        self._assembly_read = looked.assembly_read
        self._inactive = looked.inactive
        self._arch = looked.arch_directory
        self._failed = {f.file: f.why for f in reversed(looked.failures)}
        self._sources = _sources(looked.units)
        self._assembly = _sources(looked.assembly_units)

    def why_unseen(self, file: str, line: int) -> str:
        """Empty if the line was analysed."""
        if file in self._assembly_read:
            return ""
        if file not in self._read:
            return self._of(file)
        if any(first <= line <= last for first, last in self._inactive.get(file, ())):
            return "preprocessed out in every unit that reads it"
        return ""

    def _of(self, file: str) -> str:
        if file in self._failed:
            return f"unit failed: {self._failed[file]}"
        if file in self._sources:
            return _NOT_SELECTED
        if file in self._assembly:
            return "assembly: not read yet"
        top, _, rest = file.partition("/")
        suffix = posixpath.splitext(file)[1]
        if rest and top == _DOCUMENTATION:
            return f"not C ({top})"
        if suffix not in _C and suffix not in _ASSEMBLY:
            return f"not C ({suffix or posixpath.basename(file)})"
        if top == "arch" and "/" in rest and not rest.startswith(f"{self._arch}/"):
            return f"other architecture ({rest.partition('/')[0]})"
        if rest and top in _TOP_REASONS:
            return _TOP_REASONS[top]
        return "header: read by no analysed unit" if suffix == ".h" else "not in this configuration"


def _sources(units: Collection[Unit]) -> frozenset[str]:
    return frozenset(u.source for u in units)
