# SPDX-License-Identifier: GPL-2.0-only
"""Two object files compared by function and by data object: bytes and relocations, not addresses.

A compiler splits and clones functions (`.cold`, `.isra.0`) and numbers local names (`__func__.3`): the pieces of one
base name are one. What a relocation refers to counts by name, so that a function that only moved is not a changed one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from auditor.prove import elf
from auditor.prove.elf import read_object
from auditor.prove.places import FUNCTIONS, Places, base_name

_CHANGED_PARAMETERS = re.compile(r"\.(?:isra|constprop)\b")


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """{base name: digest} of one object.

    `refers`: {function: functions and data objects of this object that it names}. `cloned`: functions whose parameters
    the compiler has changed (.isra, .constprop), so that what they read of them may be read by their callers now.
    `aliases`: two names of one piece of code.
    """

    functions: Mapping[str, bytes]
    data: Mapping[str, bytes]
    refers: Mapping[str, frozenset[str]]
    cloned: frozenset[str]
    aliases: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Difference:
    """Base names. `same` are those that are there on both sides and equal."""

    same: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()

    @property
    def differing(self) -> frozenset[str]:
        return self.changed | self.added | self.removed


@dataclass(frozen=True, slots=True)
class Compared:
    """`through`: {function that is the same: data objects that it uses and that changed}. `moved`: (function, another
    that may do part of its work), on either side: its caller, or itself by another name. `users`: {data object that
    differs: functions that name it}."""

    functions: Difference = field(default_factory=Difference)
    data: Difference = field(default_factory=Difference)
    through: Mapping[str, frozenset[str]] = field(default_factory=dict)
    users: Mapping[str, frozenset[str]] = field(default_factory=dict)
    moved: frozenset[tuple[str, str]] = frozenset()


def compare(before: Path, after: Path) -> Compared:
    """InputError: one of them is not an object that can be read."""
    old, new = fingerprints(before), fingerprints(after)
    functions, data = _difference(old.functions, new.functions), _difference(old.data, new.data)
    through = {n: found for n in functions.same if (found := old.refers.get(n, frozenset()) & data.changed)}
    users: dict[str, set[str]] = defaultdict(set)
    for function, named in (*old.refers.items(), *new.refers.items()):
        for name in named & data.differing:
            users[name].add(function)
    moved = {(n, f) for side in (old, new) for f, named in side.refers.items() for n in named & side.cloned}
    return Compared(
        functions,
        data,
        through,
        {n: frozenset(f) for n, f in users.items()},
        frozenset(moved) | old.aliases | new.aliases,
    )


def _difference(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Difference:
    both = old.keys() & new.keys()
    changed = frozenset(n for n in both if old[n] != new[n])
    return Difference(frozenset(both) - changed, changed, frozenset(new.keys() - both), frozenset(old.keys() - both))


def fingerprints(path: Path) -> Fingerprints:
    """Every function and data object of sections that are loaded. InputError: a damaged object."""
    read = read_object(path)
    places = Places(read)
    functions: dict[str, list[bytes]] = defaultdict(list)
    data: dict[str, list[bytes]] = defaultdict(list)
    refers: dict[str, set[str]] = defaultdict(set)
    cloned: set[str] = set()
    for symbol in read.symbols:
        kept = functions if symbol.type in FUNCTIONS else data if symbol.type == elf.STT_OBJECT else None
        if kept is None or symbol.section == elf.SHN_UNDEF or not symbol.name:
            continue
        if symbol.section < elf.SHN_LORESERVE and not read.sections[symbol.section].flags & elf.SHF_ALLOC:
            continue
        name = base_name(symbol.name)
        kept[name].append(places.digest(symbol, refers[name]))
        if _CHANGED_PARAMETERS.search(symbol.name):
            cloned.add(name)
    known = functions.keys() | data.keys()
    named = {n: frozenset(refers[n] & known) for n in functions}
    return Fingerprints(_joined(functions), _joined(data), named, frozenset(cloned), places.aliases())


def _joined(pieces: Mapping[str, list[bytes]]) -> dict[str, bytes]:
    return {name: b"".join(sorted(digests)) for name, digests in pieces.items()}
