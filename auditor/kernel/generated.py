# SPDX-License-Identifier: GPL-2.0-only
"""Units that include what is not there: in a build that is only prepared, a file that their own make rules generate."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from auditor.kernel.flags import searched
from auditor.kernel.includes import unconditional
from auditor.kernel.units import source_path
from auditor.model import Unit


@dataclass(frozen=True, slots=True)
class Lacking:
    """`file` includes `name`, which leads nowhere for the unit that makes `object`."""

    object: str
    file: str
    name: str


def lacking(units: Iterable[Unit], roots: Iterable[str]) -> tuple[Lacking, ...]:
    """The first such include of each unit: of its source and of what this includes by quoted names, as local headers
    are. One that stands in a condition does not count. Only files below `roots` are opened."""
    below = tuple(os.path.realpath(r) + os.sep for r in roots)
    # The answers hold for one look at the tree, and most names are asked for by many units.
    is_file = cache(os.path.isfile)
    found = (next(_lacking(unit, below, is_file), None) for unit in units)
    return tuple(one for one in found if one is not None)


def _lacking(unit: Unit, roots: tuple[str, ...], is_file: Callable[[str], bool]) -> Iterator[Lacking]:
    directories = searched(unit.arguments, unit.directory)
    waiting = [os.fspath(source_path(unit))]
    seen = set(waiting)
    while waiting:
        file = waiting.pop()
        beside = (os.path.dirname(file),)
        for quoted, name in unconditional(file) if os.path.realpath(file).startswith(roots) else ():
            # In which order they are searched decides nothing here.
            places = (*beside, *directories) if quoted else directories
            meant = next(filter(is_file, (os.path.normpath(os.path.join(p, name)) for p in places)), None)
            if meant is None:
                yield Lacking(unit.object, file, name)
            elif quoted and meant not in seen:
                seen.add(meant)
                waiting.append(meant)
