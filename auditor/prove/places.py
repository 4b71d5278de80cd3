# SPDX-License-Identifier: GPL-2.0-only
"""What lies where in an object, and what its code and data refer to, by name."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator

from auditor.errors import InputError
from auditor.prove import elf, x86
from auditor.prove.elf import Object, Relocation, Symbol

_CLONE = re.compile(r"(?<=.)(?:\.(?:cold|part|isra|constprop|llvm|lto_priv|localalias|\d+))+$")
FUNCTIONS = frozenset({elf.STT_FUNC, elf.STT_GNU_IFUNC})


def base_name(symbol: str) -> str:
    """The function, of any piece or clone that a compiler made of it."""
    return _CLONE.sub("", symbol)


class Places:
    """What lies where in an object, and what its relocations refer to."""

    def __init__(self, read: Object) -> None:
        self._object = read
        self._relative = x86.PC_RELATIVE.get(read.machine, frozenset())
        self._relocations = {n: sorted(found, key=lambda r: r.offset) for n, found in read.relocations.items()}
        self._offsets = {n: [r.offset for r in found] for n, found in self._relocations.items()}
        named: dict[int, list[Symbol]] = defaultdict(list)
        for symbol in read.symbols:
            if (symbol.type in FUNCTIONS or symbol.type == elf.STT_OBJECT) and symbol.name:
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
        end = symbol.value + symbol.size
        if end > section.size:
            problem = f"ELF symbol {symbol.name!r} reaches past the end of section {section.name}"
            raise InputError(self._object.path, problem, "compile it again, or check with readelf")
        body = bytearray(section.contents[symbol.value : end])
        offsets = self._offsets.get(symbol.section, [])
        for i in range(bisect_left(offsets, symbol.value), bisect_left(offsets, end)):
            relocation = self._relocations[symbol.section][i]
            at = relocation.offset - symbol.value
            addend = relocation.addend
            if addend is None:
                width = x86.SHORT.get(self._object.machine, {}).get(relocation.type, 4)
                addend = int.from_bytes(body[at : at + width], "little", signed=True)
                body[at : at + width] = bytes(len(body[at : at + width]))
            behind = 4 + x86.immediate(body, at) if relocation.type in self._relative else 0
            target = self._target(relocation, addend, behind)
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
        if self._object.machine not in x86.PC_RELATIVE:
            return
        flags = self._object.sections[symbol.section].flags
        if symbol.type not in FUNCTIONS or not flags & elf.SHF_EXECINSTR:
            return
        whole = bytes(body)
        for match in x86.BRANCH.finditer(whole):
            at = match.start() + (2 if whole[match.start()] == 0x0F else 1)
            place = symbol.value + at + 4 + int.from_bytes(whole[at : at + 4], "little", signed=True)
            if at + 4 > len(whole) or 0 <= place - symbol.value < symbol.size:
                continue
            found = self._covering(symbol.section, place)
            if found is not None and found.value == place:
                body[at : at + 4] = bytes(4)
                yield at, base_name(found.name)

    def _target(self, relocation: Relocation, addend: int, behind: int) -> str:
        """The name and the place in it, where there is a name; constants and strings have none.

        `behind`: where the instruction ends, from the relocated place on; addresses count from there.
        """
        if relocation.symbol >= len(self._object.symbols):
            problem = f"a relocation refers to ELF symbol {relocation.symbol}, which is not there"
            raise InputError(self._object.path, problem, "compile it again, or check with readelf")
        symbol = self._object.symbols[relocation.symbol]
        # Labels of the compiler (.LC3) are numbered from the start of the file.
        if symbol.type != elf.STT_SECTION and not symbol.name.startswith(".L"):
            return f"{base_name(symbol.name)}+{addend}"
        if symbol.section >= elf.SHN_LORESERVE:
            return ""
        place = symbol.value + addend + behind
        if self._object.sections[symbol.section].flags & elf.SHF_EXECINSTR:
            # Where in the function: what moves there shows in that function itself.
            found = self._covering(symbol.section, place)
            return base_name(found.name) if found else ""
        found = self._covering(symbol.section, place)
        return f"{base_name(found.name)}+{place - found.value}" if found else ""

    def aliases(self) -> frozenset[tuple[str, str]]:
        """Both ways round."""
        found: dict[tuple[int, int], set[str]] = defaultdict(set)
        for section, symbols in self._named.items():
            for symbol in symbols:
                if symbol.type in FUNCTIONS and symbol.size:
                    found[section, symbol.value].add(base_name(symbol.name))
        return frozenset((a, b) for names in found.values() for a in names for b in names if a != b)

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
