# SPDX-License-Identifier: GPL-2.0-only
"""The BTF container: header, type section, string section, checked and indexed.

Format: Documentation/bpf/btf.rst and include/uapi/linux/btf.h of the kernel. Both byte orders; the magic number tells.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass

from auditor.errors import InputError

MAGIC = 0xEB9F
MAX_TYPES = 0x000FFFFF  # BTF_MAX_TYPE: the kernel refuses more
MAX_NAME = 4096
_HEADER = 24

INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, \
    DECL_TAG, TYPE_TAG, ENUM64 = range(1, 20)  # BTF_KIND_*  # fmt: skip

# Bytes after the 12 of struct btf_type: a fixed part, and one part for each of `vlen` elements.
_FIXED = {INT: 4, ARRAY: 12, VAR: 4, DECL_TAG: 4}
_PER_ELEMENT = {STRUCT: 12, UNION: 12, ENUM: 8, FUNC_PROTO: 8, DATASEC: 12, ENUM64: 12}
_EXTRA_FIXED = tuple(_FIXED.get(k, 0) for k in range(32))
_EXTRA_EACH = tuple(_PER_ELEMENT.get(k, 0) for k in range(32))

_BASE_HINT = "a module's BTF continues that of its kernel: give the kernel's as base, --btf-base"


def is_btf(start: bytes) -> bool:
    """Do these bytes start with the BTF magic, in either byte order?"""
    return start[:2] in (b"\x9f\xeb", b"\xeb\x9f")


@dataclass(frozen=True, slots=True)
class BtfType:
    """One record of the type section. `at` is the offset of what follows struct btf_type, within `Btf.data`."""

    id: int
    name_offset: int
    kind: int
    vlen: int
    flag: bool
    size_or_type: int
    at: int


@dataclass(frozen=True, slots=True)
class Btf:
    """One BTF blob. `offsets[n]` is where type `first_id + n` starts in `data`; ids below belong to the base."""

    path: str
    data: bytes
    order: str
    offsets: array[int]
    strings_at: int
    strings_end: int
    first_id: int = 1
    first_string: int = 0
    base: Btf | None = None

    @property
    def end_id(self) -> int:
        """One more than the last type id."""
        return self.first_id + len(self.offsets)

    def type(self, type_id: int) -> BtfType:
        """InputError: no such type."""
        if type_id < self.first_id and self.base is not None:
            return self.base.type(type_id)
        if not self.first_id <= type_id < self.end_id:
            hint = "" if self.base is not None else _BASE_HINT
            raise InputError(self.path, f"BTF type {type_id} does not exist; the last is {self.end_id - 1}", hint)
        at = self.offsets[type_id - self.first_id]
        name, info, size = struct.unpack_from(self.order + "III", self.data, at)
        return BtfType(type_id, name, info >> 24 & 0x1F, info & 0xFFFF, bool(info >> 31), size, at + 12)

    def words(self, at: int, count: int) -> tuple[int, ...]:
        return struct.unpack_from(f"{self.order}{count}I", self.data, at)

    def owner(self, type_id: int) -> Btf:
        """The blob, this one or its base, that holds the type."""
        return self.base.owner(type_id) if type_id < self.first_id and self.base is not None else self

    def name(self, offset: int, type_id: int) -> str:
        """A string by its offset. InputError: outside of the section, not terminated, or absurdly long."""
        if offset < self.first_string and self.base is not None:
            return self.base.name(offset, type_id)
        start = self.strings_at + offset - self.first_string
        if not self.strings_at <= start < self.strings_end:
            hint = "" if self.base is not None else _BASE_HINT
            raise InputError(self.path, f"BTF type {type_id}: name at {offset}, outside of the string section", hint)
        end = self.data.find(b"\0", start, min(self.strings_end, start + MAX_NAME + 1))
        if end < 0:
            raise InputError(self.path, f"BTF type {type_id}: name at {offset} has no end within {MAX_NAME} bytes")
        return self.data[start:end].decode("utf-8", "backslashreplace")

    def name_offsets(self, name: str) -> set[int]:
        """Every offset at which `name` stands as a whole string or as the end of one; base included."""
        wanted = name.encode("utf-8", "surrogateescape") + b"\0"
        found = self.base.name_offsets(name) if self.base is not None else set()
        at = self.data.find(wanted, self.strings_at, self.strings_end)
        while at >= 0:
            found.add(at - self.strings_at + self.first_string)
            at = self.data.find(wanted, at + 1, self.strings_end)
        return found


def parse(path: str, data: bytes, base: Btf | None = None) -> Btf:
    """Check header and type section and index the types. `base`: what a module's BTF continues.

    InputError names the file and the byte offset within the BTF data of the first thing that cannot be.
    """
    if len(data) < _HEADER or not is_btf(data):
        raise InputError(path, "is not BTF: no magic number 0xeb9f in a header of 24 bytes")
    order = "<" if data[:2] == b"\x9f\xeb" else ">"
    version, _flags, header, type_off, type_len, str_off, str_len = struct.unpack_from(order + "BBIIIII", data, 2)
    if version != 1:
        raise InputError(path, f"BTF version {version} at byte 2; only version 1 exists")
    if not _HEADER <= header <= len(data):
        raise InputError(path, f"BTF header length {header} at byte 4, of {len(data)} bytes in all")
    for what, at, offset, length in (("type", 8, type_off, type_len), ("string", 16, str_off, str_len)):
        if header + offset + length > len(data):
            problem = f"BTF {what} section of {length} bytes at {header + offset} (header byte {at}) is cut off"
            raise InputError(path, f"{problem} at {len(data)}")
    strings, end = header + str_off, header + str_off + str_len
    _check_strings(path, data, strings, end, base)
    if base is not None and base.order != order:
        raise InputError(path, f"its byte order is not that of its base {base.path}")
    offsets = _index(path, data, order, header + type_off, type_len)
    if base is None:
        return Btf(path, data, order, offsets, strings, end)
    first_string = base.first_string + base.strings_end - base.strings_at
    return Btf(path, data, order, offsets, strings, end, base.end_id, first_string, base)


def _check_strings(path: str, data: bytes, start: int, end: int, base: Btf | None) -> None:
    # Split BTF may have no strings of its own.
    if start == end and base is not None:
        return
    if start == end or data[end - 1] != 0:
        raise InputError(path, f"BTF string section at byte {start} is empty or its last string has no end")
    if data[start] != 0 and base is None:
        raise InputError(path, f"BTF string section at byte {start} does not start with an empty string", _BASE_HINT)


def _index(path: str, data: bytes, order: str, start: int, length: int) -> array[int]:
    """Offsets of all types; one pass, and every record lies within the section."""
    offsets = array("Q")
    unpack = struct.Struct(order + "I").unpack_from
    at, end = start, start + length
    while at < end:
        if end - at < 12:
            raise InputError(path, f"BTF type section ends within a type at byte {at}")
        (info,) = unpack(data, at + 4)
        kind = info >> 24 & 0x1F
        if not INT <= kind <= ENUM64:
            raise InputError(path, f"BTF type kind {kind} at byte {at} is not known (1 to {ENUM64} are)")
        offsets.append(at)
        at += 12 + _EXTRA_FIXED[kind] + _EXTRA_EACH[kind] * (info & 0xFFFF)
        if len(offsets) > MAX_TYPES:
            raise InputError(path, f"more than {MAX_TYPES} BTF types (byte {at}); the kernel accepts no more")
    if at != end:
        raise InputError(path, f"BTF type {len(offsets)} at byte {offsets[-1]} runs past the type section")
    return offsets
