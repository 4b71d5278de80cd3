# SPDX-License-Identifier: GPL-2.0-only
"""Two object files compared by function and by data object: bytes and relocations, not addresses.

A compiler splits and clones functions (`.cold`, `.isra.0`) and numbers local names (`__func__.3`): the pieces of one
base name are one. What a relocation refers to counts by name, so that a function that only moved is not a changed one.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from auditor.errors import InputError
from auditor.prove import elf
from auditor.prove.elf import Object, Symbol, read_object

_CLONE = re.compile(r"(?<=.)(?:\.(?:cold|part|isra|constprop|llvm|lto_priv|localalias|\d+))+$")
_CHANGED_PARAMETERS = re.compile(r"\.(?:isra|constprop)\b")
_FUNCTIONS = frozenset({elf.STT_FUNC, elf.STT_GNU_IFUNC})
_X86_64, _386 = 62, 3
_PC_RELATIVE = {_X86_64: frozenset({2, 4, 9, 24, 41, 42}), _386: frozenset({2, 4})}
"""Relocation types that count from the place itself: the addend is 4 less than what it refers to, or 5 to 8 less where
an immediate value follows."""
_BRANCH = re.compile(rb"(?=[\xe8\xe9]|\x0f[\x80-\x8f])")
"""x86: call, jmp and jcc with a distance of 32 bits."""
_SHORT = {_386: {20: 2, 21: 2, 22: 1, 23: 1}}
"""Bytes that a relocation without an explicit addend fills, where these are not 4."""


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """{base name: digest} of one object.

    `refers`: {function: functions and data objects of this object that it names}. `cloned`: functions whose parameters
    the compiler has changed (.isra, .constprop), so that what they read of them may be read by their callers now.
    """

    functions: Mapping[str, bytes]
    data: Mapping[str, bytes]
    refers: Mapping[str, frozenset[str]]
    cloned: frozenset[str]


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
    """`through`: {function that is the same: data objects that it uses and that changed}. `moved`: (function, caller
    that may do part of its work), on either side."""

    functions: Difference = field(default_factory=Difference)
    data: Difference = field(default_factory=Difference)
    through: Mapping[str, frozenset[str]] = field(default_factory=dict)
    moved: frozenset[tuple[str, str]] = frozenset()


def base_name(symbol: str) -> str:
    """The function, of any piece or clone that a compiler made of it."""
    return _CLONE.sub("", symbol)


def compare(before: Path, after: Path) -> Compared:
    """InputError: one of them is not an object that can be read."""
    old, new = fingerprints(before), fingerprints(after)
    functions, data = _difference(old.functions, new.functions), _difference(old.data, new.data)
    through = {n: found for n in functions.same if (found := old.refers.get(n, frozenset()) & data.changed)}
    moved = frozenset((n, f) for side in (old, new) for f, named in side.refers.items() for n in named & side.cloned)
    return Compared(functions, data, through, moved)


def _difference(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Difference:
    both = old.keys() & new.keys()
    changed = frozenset(n for n in both if old[n] != new[n])
    return Difference(frozenset(both) - changed, changed, frozenset(new.keys() - both), frozenset(old.keys() - both))


def fingerprints(path: Path) -> Fingerprints:
    """Every function and data object of sections that are loaded. InputError: a damaged object."""
    read = read_object(path)
    places = _Places(read)
    functions: dict[str, list[bytes]] = defaultdict(list)
    data: dict[str, list[bytes]] = defaultdict(list)
    refers: dict[str, set[str]] = defaultdict(set)
    cloned: set[str] = set()
    for symbol in read.symbols:
        kept = functions if symbol.type in _FUNCTIONS else data if symbol.type == elf.STT_OBJECT else None
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
    return Fingerprints(_joined(functions), _joined(data), named, frozenset(cloned))


def _joined(pieces: Mapping[str, list[bytes]]) -> dict[str, bytes]:
    return {name: b"".join(sorted(digests)) for name, digests in pieces.items()}


@dataclass(frozen=True, slots=True)
class _Relocation:
    offset: int
    type: int
    symbol: int
    addend: int | None


class _Places:
    """What lies where in an object, and what its relocations refer to."""

    def __init__(self, read: Object) -> None:
        self._object = read
        self._relocations: dict[int, list[_Relocation]] = defaultdict(list)
        for section in read.sections:
            if section.type not in (elf.SHT_RELA, elf.SHT_REL) or section.info >= len(read.sections):
                continue
            if read.sections[section.info].flags & elf.SHF_ALLOC:
                self._relocations[section.info] += (_Relocation(*r) for r in read.relocations(section))
        for found in self._relocations.values():
            found.sort(key=lambda r: r.offset)
        self._offsets = {n: [r.offset for r in found] for n, found in self._relocations.items()}
        named: dict[int, list[Symbol]] = defaultdict(list)
        for symbol in read.symbols:
            if (symbol.type in _FUNCTIONS or symbol.type == elf.STT_OBJECT) and symbol.name:
                named[symbol.section].append(symbol)
        self._named = {n: sorted(s, key=lambda s: (s.value, s.size, s.name)) for n, s in named.items()}
        self._starts = {n: [s.value for s in found] for n, found in self._named.items()}

    def digest(self, symbol: Symbol, refers: set[str]) -> bytes:
        """Of the size, the bytes and the relocations; without contents (.bss, common) the size says it all.

        `refers` gets the names that the relocations refer to.
        """
        made = hashlib.blake2b(digest_size=16)
        made.update(str(symbol.size).encode())
        if symbol.section >= elf.SHN_LORESERVE:
            return made.digest()
        section = self._object.sections[symbol.section]
        contents = self._object.contents(section)
        end = symbol.value + symbol.size
        if end > section.size:
            problem = f"ELF symbol {symbol.name!r} reaches past the end of section {section.name}"
            raise InputError(self._object.path, problem, "compile it again, or check with readelf")
        body = bytearray(contents[symbol.value : end])
        offsets = self._offsets.get(symbol.section, [])
        for i in range(bisect_left(offsets, symbol.value), bisect_left(offsets, end)):
            relocation = self._relocations[symbol.section][i]
            at = relocation.offset - symbol.value
            addend = relocation.addend
            if addend is None:
                width = _SHORT.get(self._object.machine, {}).get(relocation.type, 4)
                addend = int.from_bytes(body[at : at + width], "little", signed=True)
                body[at : at + width] = bytes(len(body[at : at + width]))
            target = self._target(relocation, addend)
            refers.add(target.rpartition("+")[0] or target)
            made.update(f"\n{at} {relocation.type} {target}".encode())
        for at, name in self._branches(symbol, body):
            refers.add(name)
            made.update(f"\n{at} {name}".encode())
        made.update(body)
        return made.digest()

    def _branches(self, symbol: Symbol, body: bytearray) -> Iterator[tuple[int, str]]:
        """(place, callee) of calls that the assembler resolved; their distances in `body` are cleared.

        It does so for local functions of the same section, and the distance changes whenever a function in between
        does.
        """
        if self._object.machine not in _PC_RELATIVE:
            return
        flags = self._object.sections[symbol.section].flags
        if symbol.type not in _FUNCTIONS or not flags & elf.SHF_EXECINSTR:
            return
        whole = bytes(body)
        for match in _BRANCH.finditer(whole):
            at = match.start() + (2 if whole[match.start()] == 0x0F else 1)
            place = symbol.value + at + 4 + int.from_bytes(whole[at : at + 4], "little", signed=True)
            if at + 4 > len(whole) or 0 <= place - symbol.value < symbol.size:
                continue
            found = self._covering(symbol.section, place)
            if found is not None and found.value == place:
                body[at : at + 4] = bytes(4)
                yield at, base_name(found.name)

    def _target(self, relocation: _Relocation, addend: int) -> str:
        """The name and the place in it, where there is a name; constants and strings have none."""
        if relocation.symbol >= len(self._object.symbols):
            problem = f"a relocation refers to ELF symbol {relocation.symbol}, which is not there"
            raise InputError(self._object.path, problem, "compile it again, or check with readelf")
        symbol = self._object.symbols[relocation.symbol]
        # Labels of the compiler (.LC3) are numbered from the start of the file.
        if symbol.type != elf.STT_SECTION and not symbol.name.startswith(".L"):
            return f"{base_name(symbol.name)}+{addend}"
        if symbol.section >= elf.SHN_LORESERVE:
            return ""
        relative = relocation.type in _PC_RELATIVE.get(self._object.machine, ())
        place = symbol.value + addend + (4 if relative else 0)
        if self._object.sections[symbol.section].flags & elf.SHF_EXECINSTR:
            # Where in the function: what moves there shows in that function itself.
            found = self._covering(symbol.section, place)
            return base_name(found.name) if found else ""
        found = self._covering(symbol.section, place + 4) if relative else None
        if found is None or place >= found.value:
            found = self._covering(symbol.section, place)
        # An immediate value behind makes the place up to 4 bytes too low: then it counts from the next object.
        return f"{base_name(found.name)}+{place - found.value}" if found else ""

    def _covering(self, section: int, place: int) -> Symbol | None:
        starts = self._starts.get(section, [])
        i = bisect_right(starts, place) - 1
        if i < 0:
            return None
        # Of several at one place the first by name: an alias may be there on one side only by its own doing.
        i = bisect_left(starts, starts[i])
        candidates = self._named[section][i : bisect_right(starts, starts[i])]
        inside = [s for s in candidates if place < s.value + max(s.size, 1)]
        return min(inside, key=lambda s: s.name) if inside else None
