# SPDX-License-Identifier: GPL-2.0-only
"""DWARF as a TypeGraph: a type's key is the offset of its entry in .debug_info."""

from __future__ import annotations

from typing import Any

from auditor.errors import InputError
from auditor.layouts.dwarf_scan import Scanner, unit_of
from auditor.layouts.graph import MAX_DEPTH, Kind, Member, Node

_RECORDS = {"DW_TAG_structure_type": "struct", "DW_TAG_union_type": "union", "DW_TAG_class_type": "class"}
_QUALIFIERS = {
    "DW_TAG_const_type": "const",
    "DW_TAG_volatile_type": "volatile",
    "DW_TAG_restrict_type": "restrict",
    "DW_TAG_atomic_type": "_Atomic",
}
_POINTERS = frozenset({"DW_TAG_pointer_type", "DW_TAG_reference_type", "DW_TAG_rvalue_reference_type"})
_TRANSPARENT = frozenset({*_QUALIFIERS, "DW_TAG_typedef"})
_OP_PLUS_UCONST, _OP_CONSTU = 0x23, 0x10
_MEMBER, _SUBRANGE, _PARAMETER, _ELLIPSIS = 0x0D, 0x21, 0x05, 0x18  # DW_TAG_*


class DwarfGraph:
    """Entries are decoded when they are asked for; the unit keeps those, a few hundred for one struct."""

    def __init__(self, path: str, info: Any, scanner: Scanner) -> None:
        self.path = path
        self.pointer_size: int = info.config.default_address_size
        self._info = info
        self.scanner = scanner
        self._dimensions: dict[int, Node] = {}
        """The second and later dimensions of arrays, by the entry of their subrange."""

    def damaged(self, key: int, problem: str) -> InputError:
        return InputError(self.path, f"DWARF entry at {key:#x} of .debug_info: {problem}")

    def node(self, key: int) -> Node:
        if key in self._dimensions:
            return self._dimensions[key]
        die = self._die(key)
        tag, name, size = die.tag, _text(die), _constant(die, "DW_AT_byte_size") or 0
        align = _constant(die, "DW_AT_alignment") or 0
        if tag in _RECORDS:
            complete = "DW_AT_declaration" not in die.attributes
            return Node(Kind.RECORD, name, size, tag=_RECORDS[tag], declared_align=align, complete=complete)
        if tag == "DW_TAG_base_type":
            return Node(Kind.BASE, name, size, declared_align=align)
        if tag == "DW_TAG_enumeration_type":
            return Node(Kind.ENUM, name, size, tag="enum", declared_align=align)
        if tag == "DW_TAG_unspecified_type":
            return Node(Kind.OTHER, name)
        target = self._target(die)
        if tag in _POINTERS:
            return Node(Kind.POINTER, target=target)
        if tag == "DW_TAG_typedef":
            return Node(Kind.TYPEDEF, name, target=target, declared_align=align)
        if tag in _QUALIFIERS:
            return Node(Kind.QUALIFIER, _QUALIFIERS[tag], target=target)
        if tag == "DW_TAG_array_type":
            return self._array(die, target)
        if tag == "DW_TAG_subroutine_type":
            return self._function(die, target)
        return Node(Kind.OTHER, name)

    def members(self, key: int) -> tuple[Member, ...]:
        found = []
        for offset, tag in self._children(key):
            if tag != _MEMBER:
                continue
            die = self._die(offset)
            if "DW_AT_external" in die.attributes or "DW_AT_declaration" in die.attributes:
                continue  # a static member, which C does not have
            target = self._target(die)
            if target is None:
                raise self.damaged(offset, "a member of type void")
            bit_size = _constant(die, "DW_AT_bit_size") or 0
            align = _constant(die, "DW_AT_alignment") or 0
            found.append(Member(_text(die), target, self._bit(die, target, bit_size), bit_size, align))
        return tuple(found)

    def _bit(self, die: Any, target: int, bit_size: int) -> int:
        """First bit of a member in memory order."""
        bits = _constant(die, "DW_AT_data_bit_offset")
        if bits is not None:
            return bits
        start = _location(die) * 8
        high = _constant(die, "DW_AT_bit_offset")
        if high is None:
            return start
        # DWARF 2 and 3 count from the most significant bit of a storage unit.
        storage = (_constant(die, "DW_AT_byte_size") or self._storage(target)) * 8
        if high >= 1 << 31:
            high -= 1 << (32 if high < 1 << 32 else 64)  # negative in packed structs, in a form without a sign
        return start + (storage - high - bit_size if self._info.config.little_endian else high)

    def _storage(self, key: int) -> int:
        for _ in range(MAX_DEPTH):
            die = self._die(key)
            target = self._target(die) if die.tag in _TRANSPARENT else None
            if target is None:
                return _constant(die, "DW_AT_byte_size") or 0
            key = target
        raise self.damaged(key, "types in a circle")

    def _array(self, die: Any, target: int | None) -> Node:
        ranges = [offset for offset, tag in self._children(die.offset) if tag == _SUBRANGE]
        if len(ranges) > MAX_DEPTH:
            raise self.damaged(die.offset, f"an array of {len(ranges)} dimensions")
        node = Node(Kind.ARRAY, target=target)
        for i in reversed(range(len(ranges))):
            node = Node(Kind.ARRAY, target=target, count=_count(self._die(ranges[i])))
            if i:
                self._dimensions[ranges[i]] = node
                target = ranges[i]
        return node

    def _function(self, die: Any, target: int | None) -> Node:
        parameters: list[int | None] = []
        ellipsis = False
        for offset, tag in self._children(die.offset):
            if tag == _PARAMETER:
                parameters.append(self._target(self._die(offset)))
            ellipsis = ellipsis or tag == _ELLIPSIS
        return Node(Kind.FUNCTION, target=target, parameters=tuple(parameters), ellipsis=ellipsis)

    def _die(self, key: int) -> Any:
        return self._info.get_DIE_from_refaddr(key)

    def _children(self, key: int) -> list[tuple[int, int]]:
        cu = self._info.get_CU_containing(key)
        unit = unit_of(cu, self._info.debug_info_sec.size)
        return list(self.scanner.children(unit, key))

    def _target(self, die: Any) -> int | None:
        attribute = die.attributes.get("DW_AT_type")
        if attribute is None:
            return None
        if attribute.form == "DW_FORM_ref_sig8":
            raise self.damaged(die.offset, "its type is in a type unit (-fdebug-types-section), which is not read")
        if attribute.form == "DW_FORM_ref_addr":
            return int(attribute.raw_value)
        if attribute.form in ("DW_FORM_ref1", "DW_FORM_ref2", "DW_FORM_ref4", "DW_FORM_ref8", "DW_FORM_ref_udata"):
            return int(die.cu.cu_offset + attribute.raw_value)
        raise self.damaged(die.offset, f"its type is given as {attribute.form}: another file, which is not read")


def _text(die: Any) -> str:
    attribute = die.attributes.get("DW_AT_name")
    value = attribute.value if attribute is not None else b""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else ""


def _constant(die: Any, name: str) -> int | None:
    attribute = die.attributes.get(name)
    return attribute.value if attribute is not None and isinstance(attribute.value, int) else None


def _location(die: Any) -> int:
    """Byte offset of a member: a constant, or up to DWARF 3 an expression that adds one."""
    attribute = die.attributes.get("DW_AT_data_member_location")
    if attribute is None:
        return 0
    if isinstance(attribute.value, int):
        return attribute.value
    expression = list(attribute.value)
    if not expression or expression[0] not in (_OP_PLUS_UCONST, _OP_CONSTU):
        raise ValueError(f"member location {expression[:8]} is not a constant")
    return sum((byte & 0x7F) << (7 * i) for i, byte in enumerate(expression[1:10]))


def _count(die: Any) -> int | None:
    """Elements of one dimension; None: none given, or zero (the two are written alike)."""
    count = _constant(die, "DW_AT_count")
    if count is None:
        upper = _constant(die, "DW_AT_upper_bound")
        # -1, in a form without a sign, is the upper bound of [0].
        count = 0 if upper is None or upper in (-1, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF) else upper + 1
    return count or None
