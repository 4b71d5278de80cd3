# SPDX-License-Identifier: GPL-2.0-only
"""An object file as sections, symbols and relocations, by number. If the file is damaged, that is one InputError."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_ST_INFO_TYPE, ENUM_ST_SHNDX
from elftools.elf.relocation import RelocationSection

from auditor.errors import InputError
from auditor.files import open_regular
from auditor.layouts.elf import MAX_SECTION, damage_is_an_error

_MAGIC = b"\x7fELF"
SHF_ALLOC, SHF_EXECINSTR = 2, 4
STT_OBJECT, STT_FUNC, STT_SECTION, STT_GNU_IFUNC = 1, 2, 3, 10
SHN_UNDEF, SHN_LORESERVE, SHN_XINDEX = 0, 0xFF00, 0xFFFF


@dataclass(frozen=True, slots=True)
class Section:
    """`contents` are empty where the file has none (.bss). `name` is for messages."""

    name: str
    flags: int
    size: int
    contents: bytes


@dataclass(frozen=True, slots=True)
class Symbol:
    name: str
    type: int
    section: int
    value: int
    size: int


@dataclass(frozen=True, slots=True)
class Relocation:
    """`symbol` by number; the addend of a section without explicit ones is in place."""

    offset: int
    type: int
    symbol: int
    addend: int | None


@dataclass(frozen=True, slots=True)
class Object:
    """A relocatable object. `machine` as in elf.h, without EM_. `relocations`: {number of the section: its own}, of
    sections that are loaded."""

    path: str
    machine: str
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    relocations: Mapping[int, tuple[Relocation, ...]]


def read_object(path: Path) -> Object:
    """InputError: not a relocatable ELF object, or damaged; names the file and what is wrong."""
    where = str(path)
    stream, size = open_regular(where)
    with stream, damage_is_an_error(where, "ELF object"):
        if stream.read(len(_MAGIC)) != _MAGIC:
            raise InputError(where, "is not an ELF object" if size else "is empty", "compile it again")
        elf = ELFFile(stream)
        if elf["e_type"] != "ET_REL":
            raise InputError(where, f"is {elf['e_type']}, not a relocatable object", "an object (.o) was expected")
        # A section that only debugging needs is neither unpacked nor looked at.
        sections = tuple(_section(where, s) for s in elf.iter_sections())
        symbols = elf.get_section_by_name(".symtab")
        relocations: dict[int, tuple[Relocation, ...]] = {}
        for section in elf.iter_sections():
            if isinstance(section, RelocationSection) and sections[section["sh_info"]].flags & SHF_ALLOC:
                own = tuple(_relocations(section))
                relocations[section["sh_info"]] = (*relocations.get(section["sh_info"], ()), *own)
        machine = str(elf["e_machine"]).removeprefix("EM_")
        return Object(where, machine, sections, tuple(_symbols(where, symbols, len(sections))), relocations)


def _section(where: str, section: Any) -> Section:
    size, flags = section["sh_size"], section["sh_flags"]
    held = flags & SHF_ALLOC and section["sh_type"] != "SHT_NOBITS"
    if held and size > MAX_SECTION:
        raise InputError(where, f"section {section.name} has {size} bytes, more than the {MAX_SECTION} that are read")
    return Section(str(section.name), flags, size, section.data() if held else b"")


def _symbols(where: str, table: Any, sections: int) -> Iterator[Symbol]:
    for symbol in table.iter_symbols() if table is not None else ():
        number = ENUM_ST_SHNDX.get(symbol["st_shndx"], symbol["st_shndx"])
        if number == SHN_XINDEX:
            raise InputError(where, "has more sections than a symbol can name", "such objects are not compared")
        if sections <= number < SHN_LORESERVE:
            raise InputError(where, f"ELF symbol {symbol.name!r} lies in section {number}, which is not there")
        kind = ENUM_ST_INFO_TYPE.get(symbol["st_info"]["type"], symbol["st_info"]["type"])
        yield Symbol(str(symbol.name), kind, number, symbol["st_value"], symbol["st_size"])


def _relocations(section: RelocationSection) -> Iterator[Relocation]:
    explicit = section.is_RELA()
    for found in section.iter_relocations():
        addend = found["r_addend"] if explicit else None
        yield Relocation(found["r_offset"], found["r_info_type"], found["r_info_sym"], addend)
