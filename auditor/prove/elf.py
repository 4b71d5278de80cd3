# SPDX-License-Identifier: GPL-2.0-only
"""An object file as sections, symbols and relocations, read at once.

A comparison of two kernels reads some six thousand objects with 300 relocations each, and asks nothing of them but
numbers: that is `struct.iter_unpack`, where a library that builds an object per entry takes a hundred times as long.
The file may be damaged: every offset is checked, and what is wrong is one InputError.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from auditor.errors import InputError
from auditor.files import read_bounded

LARGEST = 512 << 20
ET_REL = 1
SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHT_REL = 2, 4, 8, 9
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR = 1, 2, 4
STT_OBJECT, STT_FUNC, STT_SECTION, STT_GNU_IFUNC = 1, 2, 3, 10
SHN_UNDEF, SHN_LORESERVE, SHN_COMMON, SHN_XINDEX = 0, 0xFF00, 0xFFF2, 0xFFFF
_HINT = "compile it again, or check with readelf"


@dataclass(frozen=True, slots=True)
class Section:
    """`name` for messages. `offset` and `size` in the file, except that one of type NOBITS has nothing there."""

    name: str
    type: int
    flags: int
    offset: int
    size: int
    link: int
    info: int


@dataclass(frozen=True, slots=True)
class Symbol:
    name: str
    type: int
    section: int
    value: int
    size: int


@dataclass(frozen=True, slots=True)
class Object:
    """A relocatable object. `wide`: 64 bits."""

    path: str
    data: bytes
    machine: int
    wide: bool
    order: str
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]

    def contents(self, section: Section) -> memoryview:
        """Empty for a section without contents."""
        if section.type == SHT_NOBITS:
            return memoryview(b"")
        return memoryview(self.data)[section.offset : section.offset + section.size]

    def relocations(self, section: Section) -> Iterator[tuple[int, int, int, int | None]]:
        """(offset, type, number of the symbol, addend) of a section of relocations; the addend of REL is in place."""
        explicit = section.type == SHT_RELA
        code = ("QQq" if explicit else "QQ") if self.wide else ("IIi" if explicit else "II")
        shift, mask = (32, 0xFFFFFFFF) if self.wide else (8, 0xFF)
        form = struct.Struct(self.order + code)
        whole = section.size - section.size % form.size
        for entry in form.iter_unpack(self.contents(section)[:whole]):
            yield entry[0], entry[1] & mask, entry[1] >> shift, entry[2] if explicit else None


def read_object(path: Path) -> Object:
    """InputError: not a relocatable ELF object, or damaged; names the file and what is wrong."""
    where = str(path)
    data = read_bounded(where, LARGEST)
    if data[:4] != b"\x7fELF" or len(data) < 52 or data[4] not in (1, 2) or data[5] not in (1, 2):
        raise InputError(where, "is not an ELF object", _HINT)
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    try:
        return _read(where, data, wide, order)
    except struct.error as e:
        raise InputError(where, f"ELF headers are damaged: {e}", _HINT) from e


def _read(where: str, data: bytes, wide: bool, order: str) -> Object:
    kind, machine = struct.unpack_from(order + "HH", data, 16)
    if kind != ET_REL:
        raise InputError(where, f"ELF file of type {kind}, not a relocatable object", "an object (.o) was expected")
    start = struct.unpack_from(order + ("Q" if wide else "I"), data, 40 if wide else 32)[0]
    entry, count, names = struct.unpack_from(order + "HHH", data, 58 if wide else 46)
    form = struct.Struct(order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII"))
    if entry != form.size or start + form.size > len(data):
        raise InputError(where, "the ELF section headers lie outside of the file", _HINT)
    first = form.unpack_from(data, start)
    # Numbers that do not fit stand in the first section's header (gABI, "ELF header").
    count = count or first[5]
    names = first[6] if names == SHN_XINDEX else names
    if start + count * form.size > len(data) or names >= max(count, 1):
        raise InputError(where, "the ELF section headers lie outside of the file", _HINT)
    raw = list(form.iter_unpack(data[start : start + count * form.size]))
    for number, h in enumerate(raw):
        if h[1] != SHT_NOBITS and number and h[4] + h[5] > len(data):
            raise InputError(where, f"ELF section {number} lies outside of the file", _HINT)
    text = data[raw[names][4] : raw[names][4] + raw[names][5]] if raw else b""
    sections = tuple(Section(_string(text, h[0]), h[1], h[2], h[4], h[5], h[6], h[7]) for h in raw)
    return Object(where, data, machine, wide, order, sections, _symbols(where, data, wide, order, sections))


def _symbols(where: str, data: bytes, wide: bool, order: str, sections: tuple[Section, ...]) -> tuple[Symbol, ...]:
    table = next((s for s in sections if s.type == SHT_SYMTAB), None)
    if table is None:
        return ()
    if table.link >= len(sections):
        raise InputError(where, "the ELF symbol table names no table of strings", _HINT)
    strings = sections[table.link]
    text = data[strings.offset : strings.offset + strings.size]
    form = struct.Struct(order + ("IBBHQQ" if wide else "IIIBBH"))
    whole = table.size - table.size % form.size
    found = []
    for e in form.iter_unpack(data[table.offset : table.offset + whole]):
        name, info, section, value, size = (e[0], e[1], e[3], e[4], e[5]) if wide else (e[0], e[3], e[5], e[1], e[2])
        if section == SHN_XINDEX:
            raise InputError(where, "has more sections than a symbol can name", "such objects are not compared")
        if len(sections) <= section < SHN_LORESERVE:
            raise InputError(where, f"ELF symbol {_string(text, name)!r} lies in section {section}, which is not there")
        found.append(Symbol(_string(text, name), info & 0xF, section, value, size))
    return tuple(found)


def _string(text: bytes, at: int) -> str:
    end = text.find(b"\0", at)
    return text[at : end if end >= 0 else len(text)].decode("utf-8", "backslashreplace")
