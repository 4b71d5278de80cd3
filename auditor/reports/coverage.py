# SPDX-License-Identifier: GPL-2.0-only
"""What was not looked at, by reason: part of every answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from auditor.model import Coverage


@dataclass(frozen=True, slots=True)
class Gap:
    """One reason: how many mentions, in how many files, and where the first one is."""

    why: str
    mentions: int
    files: int
    first: str


def gaps(coverage: Coverage) -> list[Gap]:
    """Uncovered mentions by reason, most first."""
    count = Counter(u.why for u in coverage.uncovered)
    files: dict[str, set[str]] = {}
    first: dict[str, tuple[str, int]] = {}
    for u in coverage.uncovered:
        files.setdefault(u.why, set()).add(u.file)
        first[u.why] = min(first.get(u.why, (u.file, u.line)), (u.file, u.line))
    found = [Gap(why, n, len(files[why]), _place(*first[why])) for why, n in count.items()]
    return sorted(found, key=lambda g: (-g.mentions, g.why))


def _place(file: str, line: int) -> str:
    return f"{file}:{line}" if line else file


def failures(coverage: Coverage) -> list[tuple[str, int, str]]:
    """[(reason, units, first file)] of the units that could not be analysed, most first."""
    count = Counter(f.why for f in coverage.units_failed)
    first: dict[str, str] = {}
    for f in coverage.units_failed:
        first[f.why] = min(first.get(f.why, f.file), f.file)
    return sorted(((why, n, first[why]) for why, n in count.items()), key=lambda r: (-r[1], r[0]))
