# SPDX-License-Identifier: GPL-2.0-only
"""Stepping over debugging information entries without decoding them.

pyelftools decodes an entry in some 50 microseconds and keeps it; a kernel object has 30,000 and an image millions. Here
an entry is only measured, by a recipe made once for each abbreviation, so that entries of interest can be found. The
walk goes strictly forward and ignores DW_AT_sibling: a damaged reference cannot make it loop.
Source: DWARF 5, sections 7.5.3 (abbreviations) and 7.5.6 (forms).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

TAG_STRUCT, TAG_UNION, TAG_TYPEDEF = 0x13, 0x17, 0x16
_AT_NAME = 0x03
_FORM_STRING, _FORM_STRP, _FORM_IMPLICIT_CONST, _FORM_INDIRECT = 0x08, 0x0E, 0x21, 0x16
MAX_ATTRIBUTES = 30_000_000
"""In the abbreviations of all units; a distribution's vmlinux has some 10 million."""
MAX_WALKED = 64 << 20
"""Bytes stepped over in search of children; nested entries that are each asked for would be quadratic otherwise."""

_FIXED = {
    0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8, 0x19: 0, 0x1C: 4, 0x1E: 16,
    0x20: 8, 0x21: 0, 0x24: 8, 0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4, 0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4,
}  # fmt: skip
_OFFSETS = frozenset({0x0E, 0x17, 0x1D, 0x1F, 0x1F20, 0x1F21})  # strp, sec_offset, strp_sup, line_strp, GNU alt
_ULEBS = frozenset({0x0D, 0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23, 0x1F01, 0x1F02})
_BLOCKS = {0x0A: 1, 0x03: 2, 0x04: 4}
_ULEB_BLOCKS = frozenset({0x09, 0x18})
_ULEB, _CSTRING, _ULEB_BLOCK, _INDIRECT = -1, -2, -3, -4
_BLOCK_OF = {1: -11, 2: -12, 4: -14}


@dataclass(frozen=True, slots=True)
class Unit:
    """What a unit's header says. `die` is where its first entry starts, `end` where the next unit does."""

    die: int
    end: int
    abbreviations: int
    version: int
    address_size: int
    offset_size: int


def unit_of(cu: Any, section_size: int) -> Unit:
    """The header of a pyelftools CompileUnit. ValueError: it ends outside of its section."""
    end = cu.cu_offset + cu.size
    if end > section_size:
        raise ValueError(f"the unit at {cu.cu_offset:#x} ends at {end:#x}, past its section")
    return Unit(
        die=cu.cu_die_offset,
        end=end,
        abbreviations=cu["debug_abbrev_offset"],
        version=cu["version"],
        address_size=cu["address_size"],
        offset_size=cu.dwarf_format() // 8,
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """`steps`: bytes to skip, or a negative code for a form that carries its own length."""

    tag: int
    children: bool
    steps: tuple[int, ...]
    name_form: int = 0
    name_at: int = -1
    """Bytes from the end of the abbreviation code to the name; -1: no name, or behind a form of varying length."""


class Scanner:
    """Finds entries in one .debug_info. IndexError, KeyError or ValueError from any method: the data is damaged."""

    def __init__(self, info: bytes, abbrev: bytes, order: str) -> None:
        self._info = info
        self._abbrev = abbrev
        self._endian: Literal["little", "big"] = "little" if order == "<" else "big"
        self._tables: dict[tuple[int, ...], dict[int, _Entry]] = {}
        self._attributes = 0
        self._walked = 0
        self._end = 0

    def children(self, unit: Unit, at: int) -> Iterator[tuple[int, int]]:
        """(offset, tag) of the direct children of the entry at `at`."""
        for offset, entry, _ in self._children(unit, at):
            yield offset, entry.tag
        self._walked += self._end - at
        if self._walked > MAX_WALKED:
            raise ValueError(f"the entry at {at:#x} and others contain more than {MAX_WALKED >> 20} MiB of entries")

    def named(self, unit: Unit, strings: set[int], name: bytes) -> Iterator[int]:
        """Offsets of the structs, unions and typedefs at the top of the unit that may have this name.

        `strings`: where it stands in .debug_str. A name in another form (an index) may be any: the caller compares.
        """
        info, size = self._info, unit.offset_size
        for offset, entry, body in self._children(unit, unit.die):
            if entry.tag not in (TAG_STRUCT, TAG_UNION, TAG_TYPEDEF) or not entry.name_form:
                continue
            at = body + entry.name_at
            if entry.name_at >= 0 and entry.name_form == _FORM_STRP:
                if int.from_bytes(info[at : at + size], self._endian) not in strings:
                    continue
            elif (
                entry.name_at >= 0 and entry.name_form == _FORM_STRING and info[at : at + len(name) + 1] != name + b"\0"
            ):
                continue
            yield offset

    def _children(self, unit: Unit, at: int) -> Iterator[tuple[int, _Entry, int]]:
        table = self._table(unit)
        info, end = self._info, unit.end
        depth = 0
        while at < end:
            start = at
            code = info[at]
            at += 1
            if code >= 0x80:
                code, at = _uleb(info, start)
            if not code:
                depth -= 1
                if depth <= 0:
                    self._end = at
                    return
                continue
            entry = table[code]
            if depth == 1:
                yield start, entry, at
            at = self._skip(entry, at)
            if entry.children:
                depth += 1
            elif not depth:
                self._end = at
                return  # the entry that was asked for has no children
        raise ValueError(f"entries run past the end of their unit at {end:#x}")

    def _skip(self, entry: _Entry, at: int) -> int:
        info = self._info
        for step in entry.steps:
            if step >= 0:
                at += step
            elif step == _ULEB:
                while info[at] & 0x80:
                    at += 1
                at += 1
            elif step == _CSTRING:
                at = info.index(b"\0", at) + 1
            elif step == _ULEB_BLOCK:
                length, at = _uleb(info, at)
                at += length
            elif step == _INDIRECT:
                raise ValueError("DW_FORM_indirect, which no C compiler writes")
            else:
                width = -step - 10
                at += width + int.from_bytes(info[at : at + width], self._endian)
        return at

    def _table(self, unit: Unit) -> dict[int, _Entry]:
        key = (unit.abbreviations, unit.version > 2, unit.address_size, unit.offset_size)
        if key not in self._tables:
            # Units of one image hardly share tables; keeping one is enough for those that do.
            self._tables = {key: self._parse(unit)}
        return self._tables[key]

    def _parse(self, unit: Unit) -> dict[int, _Entry]:
        data, at = self._abbrev, unit.abbreviations
        table: dict[int, _Entry] = {}
        while True:
            code, at = _uleb(data, at)
            if not code:
                return table
            tag, at = _uleb(data, at)
            children = bool(data[at])
            table[code], at = self._entry(unit, tag, children, at + 1)

    def _entry(self, unit: Unit, tag: int, children: bool, at: int) -> tuple[_Entry, int]:
        data = self._abbrev
        steps = [0]
        name_form, name_at = 0, -1
        while True:
            attribute, at = _uleb(data, at)
            form, at = _uleb(data, at)
            self._attributes += 1
            if self._attributes > MAX_ATTRIBUTES:
                raise ValueError(f"more than {MAX_ATTRIBUTES} attributes in abbreviations")
            if form == _FORM_IMPLICIT_CONST:
                _, at = _uleb(data, at)  # signed, but of the same length
            if not attribute and not form:
                return _Entry(tag, children, tuple(steps), name_form, name_at), at
            if attribute == _AT_NAME:
                name_form, name_at = form, steps[0] if len(steps) == 1 else -1
            step = _step(form, unit)
            if step >= 0 and steps[-1] >= 0:
                steps[-1] += step
            else:
                steps.append(step)


def _step(form: int, unit: Unit) -> int:
    if form in _FIXED:
        return _FIXED[form]
    if form in _OFFSETS:
        return unit.offset_size
    if form == 0x01:  # DW_FORM_addr
        return unit.address_size
    if form == 0x10:  # DW_FORM_ref_addr: an address in DWARF 2, an offset since
        return unit.address_size if unit.version <= 2 else unit.offset_size
    if form in _ULEBS:
        return _ULEB
    if form == _FORM_STRING:
        return _CSTRING
    if form in _ULEB_BLOCKS:
        return _ULEB_BLOCK
    if form in _BLOCKS:
        return _BLOCK_OF[_BLOCKS[form]]
    if form == _FORM_INDIRECT:
        return _INDIRECT
    raise ValueError(f"DWARF form {form:#x} is not known")


def _uleb(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError(f"a number of more than 64 bits at {at:#x}")
