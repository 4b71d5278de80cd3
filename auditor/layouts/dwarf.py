# SPDX-License-Identifier: GPL-2.0-only
"""Layout of a struct from the DWARF of an object, a module or an image; DWARF 2 to 5, both byte orders."""

from __future__ import annotations

import io
import itertools
from typing import Any

from elftools.dwarf.die import DIE
from elftools.dwarf.dwarfinfo import DebugSectionDescriptor, DwarfConfig, DWARFInfo
from elftools.elf.elffile import ELFFile

from auditor.errors import InputError
from auditor.files import open_regular
from auditor.layouts.dwarf_graph import DwarfGraph
from auditor.layouts.dwarf_relocate import relocated
from auditor.layouts.dwarf_scan import Scanner, unit_of
from auditor.layouts.elf import contents, damage_is_an_error
from auditor.layouts.graph import layout_of
from auditor.layouts.near import hint, near
from auditor.model import Layout

# The last two because pyelftools decodes a unit's first entry whole. Only .debug_info and the string offsets hold
# relocations that matter to names and types.
_SECTIONS = (
    ".debug_info", ".debug_abbrev", ".debug_str", ".debug_line_str", ".debug_str_offsets", ".debug_addr",
    ".debug_rnglists",
)  # fmt: skip
_RELOCATED = (".debug_info", ".debug_str_offsets")
_DESCRIPTORS = (
    "info", "aranges", "abbrev", "frame", "str", "loc", "ranges", "line", "addr", "str_offsets", "line_str", "pubtypes",
    "pubnames", "loclists", "rnglists", "sup", "types",
)  # fmt: skip
MAX_UNITS = 200_000
_NEAR_UNITS = 4
_HINT = "build with CONFIG_DEBUG_INFO=y or -g"


def layout_from_dwarf(path: str, struct: str, arch_id: str) -> Layout:
    """Layout of a struct, union or typedef: the first complete definition in the file, unit by unit.

    InputError: not ELF, no DWARF, damaged, no complete definition of the struct, or debug information elsewhere
    (split DWARF, type units): those are not read.
    """
    stream, _ = open_regular(path)
    with stream, damage_is_an_error(path, "DWARF"):
        elf = ELFFile(stream)
        sections = _sections(path, elf)
        name = struct.encode("utf-8", "surrogateescape")
        strings = _occurrences(sections.get(".debug_str", b""), name + b"\0")
        # A name is in .debug_str, or spelled out within .debug_info: without either there is nothing to walk.
        layout = None
        if strings or name + b"\0" in sections[".debug_info"]:
            layout = _first_definition(path, elf, sections, strings, struct, arch_id)
        if layout is None:
            raise InputError(
                path, f"DWARF has no complete definition of struct {struct}", hint(_near(elf, sections, struct))
            )
    return layout


def _sections(path: str, elf: Any) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name in _SECTIONS:
        data = contents(path, elf, name)
        if data is not None:
            found[name] = relocated(path, elf, name, data) if name in _RELOCATED else data
    if not found.get(".debug_info") or ".debug_abbrev" not in found:
        raise InputError(path, "has no .debug_info section", _HINT)
    return found


def _occurrences(strings: bytes, name: bytes) -> set[int]:
    found: set[int] = set()
    at = strings.find(name)
    while at >= 0:
        found.add(at)
        at = strings.find(name, at + 1)
    return found


def _first_definition(
    path: str, elf: Any, sections: dict[str, bytes], strings: set[int], struct: str, arch_id: str
) -> Layout | None:
    info = _dwarf_info(elf, sections)
    order = "<" if elf.little_endian else ">"
    scanner = Scanner(sections[".debug_info"], sections[".debug_abbrev"], order)
    for number, cu in enumerate(info.iter_CUs()):
        if number >= MAX_UNITS:
            raise InputError(path, f"more than {MAX_UNITS} units in .debug_info")
        with damage_is_an_error(path, f"DWARF unit at {cu.cu_offset:#x} of .debug_info"):
            layout = _definition_in(cu, DwarfGraph(path, info, scanner), strings, struct, arch_id)
        if layout is not None:
            return layout
    return None


def _definition_in(cu: Any, graph: DwarfGraph, strings: set[int], struct: str, arch_id: str) -> Layout | None:
    name = struct.encode("utf-8", "surrogateescape")
    section = cu.dwarfinfo.debug_info_sec
    for offset in graph.scanner.named(unit_of(cu, section.size), strings, name):
        # Not through the unit's cache: it keeps every entry that it ever decoded.
        die = DIE(cu=cu, stream=section.stream, offset=offset)
        if _name(die) != name or "DW_AT_declaration" in die.attributes:
            continue
        layout = layout_of(graph, offset, struct, arch_id)
        if layout is not None:
            return layout
    return None


def _near(elf: Any, sections: dict[str, bytes], struct: str) -> list[str]:
    """Structs and typedefs of the first units with a name like that."""
    strings = sections.get(".debug_str", b"")
    names = near(struct, (s.decode("utf-8", "backslashreplace") for s in strings.split(b"\0")), 20)
    places: set[int] = set().union(*(_occurrences(strings, n.encode() + b"\0") for n in names))
    info = _dwarf_info(elf, sections)
    section = info.debug_info_sec
    scanner = Scanner(sections[".debug_info"], sections[".debug_abbrev"], "<" if elf.little_endian else ">")
    found: set[bytes] = set()
    for cu in itertools.islice(info.iter_CUs(), _NEAR_UNITS):
        for offset in scanner.named(unit_of(cu, section.size), places, b""):
            found.add(_name(DIE(cu=cu, stream=section.stream, offset=offset)))
    return [n for n in names if n.encode() in found][:5]


def _name(die: Any) -> bytes:
    attribute = die.attributes.get("DW_AT_name")
    value = attribute.value if attribute is not None else b""
    return value if isinstance(value, bytes) else b""


def _dwarf_info(elf: Any, sections: dict[str, bytes]) -> Any:
    """A DWARFInfo of the sections that name and describe types. It opens no other file, whatever the links say."""

    def descriptor(name: str) -> Any:
        data = sections.get(name)
        if data is None:
            return None
        return DebugSectionDescriptor(stream=io.BytesIO(data), name=name, global_offset=0, size=len(data), address=0)

    config = DwarfConfig(
        little_endian=elf.little_endian, default_address_size=elf.elfclass // 8, machine_arch=elf.get_machine_arch()
    )
    named = {f"debug_{n}_sec": descriptor(f".debug_{n}") for n in _DESCRIPTORS}
    return DWARFInfo(config=config, eh_frame_sec=None, gnu_debugaltlink_sec=None, **named)
