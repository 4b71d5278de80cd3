# SPDX-License-Identifier: GPL-2.0-only
"""Layout of a struct from BTF: a raw file (/sys/kernel/btf/vmlinux) or the .BTF section of an ELF file."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from auditor.errors import InputError
from auditor.files import read_bounded, starts_with
from auditor.layouts import btf_data as raw
from auditor.layouts.btf_data import Btf, BtfType
from auditor.layouts.elf import section_bytes
from auditor.layouts.graph import Kind, Member, Node, layout_of
from auditor.layouts.near import hint, near
from auditor.model import Layout

MAX_RAW = 512 << 20
"""Bytes of raw BTF that are read; a distribution kernel has under 10 MiB."""

_QUALIFIERS = {raw.CONST: "const", raw.VOLATILE: "volatile", raw.RESTRICT: "restrict"}


def layout_from_btf(path: str, struct: str, arch_id: str, base: str | None = None) -> Layout:
    """Layout of a struct, union or typedef. `base`: file with the kernel's BTF, if `path` is a module's (split BTF).

    InputError: not BTF, damaged (the message names byte offset or type id), no such struct (near names are listed), or
    a type of the base is needed and no base was given. Alignment is the natural one; BTF does not record `aligned()`.
    """
    btf = load(path, load(base) if base is not None else None)
    wanted = btf.name_offsets(struct)
    graph = _Graph(btf)
    for btf_type in _records(btf):
        if btf_type.name_offset in wanted:
            layout = layout_of(graph, btf_type.id, struct, arch_id)
            if layout is not None:
                return layout
    raise _unknown(btf, struct)


def load(path: str, base: Btf | None = None) -> Btf:
    """Read and check the BTF of a raw file or of an ELF file. InputError as `layout_from_btf`."""
    if starts_with(path, b"\x7fELF"):
        data = section_bytes(path, ".BTF")
        if data is None:
            raise InputError(path, "has no .BTF section", "build with CONFIG_DEBUG_INFO_BTF=y, or use its DWARF")
    else:
        data = read_bounded(path, MAX_RAW)
    return raw.parse(path, data, base)


def _records(btf: Btf) -> Iterator[BtfType]:
    """Own structs, unions and typedefs first, then those of the base."""
    blob: Btf | None = btf
    while blob is not None:
        own = (blob.type(i) for i in range(blob.first_id, blob.end_id))
        yield from (t for t in own if t.kind in (raw.STRUCT, raw.UNION, raw.TYPEDEF))
        blob = blob.base


def _unknown(btf: Btf, struct: str) -> InputError:
    names = (btf.name(t.name_offset, t.id) for t in _records(btf))
    return InputError(btf.path, f"BTF has no definition of struct {struct}", hint(near(struct, names)))


class _Graph:
    """BTF as a TypeGraph. Types are decoded when they are asked for."""

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self.path = btf.path

    @cached_property
    def pointer_size(self) -> int:
        """BTF does not say; as in libbpf's determine_ptr_size, the integer named `long` shows it. 8 without one."""
        longs = set()
        for name in ("long", "long int", "unsigned long", "long unsigned int"):
            longs |= self.btf.name_offsets(name)
        blob: Btf | None = self.btf
        while blob is not None:
            for i in range(blob.first_id, blob.end_id):
                found = blob.type(i)
                if found.kind == raw.INT and found.name_offset in longs and found.size_or_type in (4, 8):
                    return found.size_or_type
            blob = blob.base
        return 8

    def damaged(self, key: int, problem: str) -> InputError:
        return InputError(self.path, f"BTF type {key}: {problem}")

    def node(self, key: int) -> Node:
        found = self.btf.type(key)
        name = self.btf.name(found.name_offset, key)
        target = found.size_or_type or None
        kind = found.kind
        if kind in (raw.INT, raw.FLOAT):
            return Node(Kind.BASE, name, found.size_or_type)
        if kind in (raw.STRUCT, raw.UNION):
            return Node(Kind.RECORD, name, found.size_or_type, tag="struct" if kind == raw.STRUCT else "union")
        if kind == raw.FWD:
            return Node(Kind.RECORD, name, tag="union" if found.flag else "struct", complete=False)
        if kind in (raw.ENUM, raw.ENUM64):
            return Node(Kind.ENUM, name, found.size_or_type, tag="enum")
        if kind == raw.PTR:
            return Node(Kind.POINTER, target=target)
        if kind == raw.TYPEDEF:
            return Node(Kind.TYPEDEF, name, target=target)
        if kind in _QUALIFIERS:
            return Node(Kind.QUALIFIER, _QUALIFIERS[kind], target=target)
        if kind == raw.TYPE_TAG:
            return Node(Kind.TAG, target=target)
        return self._compound(found, target)

    def _compound(self, found: BtfType, target: int | None) -> Node:
        words = self.btf.owner(found.id).words
        if found.kind == raw.ARRAY:
            element, _index, count = words(found.at, 3)
            # A flexible array is written like an array of no elements; [0] cannot be told from it.
            return Node(Kind.ARRAY, target=element or None, count=count or None)
        if found.kind == raw.FUNC_PROTO:
            parameters = words(found.at, 2 * found.vlen)[1::2]
            ellipsis = bool(parameters) and parameters[-1] == 0
            named = parameters[:-1] if ellipsis else parameters
            return Node(Kind.FUNCTION, target=target, parameters=tuple(p or None for p in named), ellipsis=ellipsis)
        return Node(Kind.OTHER)

    def members(self, key: int) -> tuple[Member, ...]:
        found = self.btf.type(key)
        if found.kind not in (raw.STRUCT, raw.UNION):
            return ()
        words = self.btf.owner(key).words(found.at, 3 * found.vlen)
        return tuple(self._member(found, words[i], words[i + 1], words[i + 2]) for i in range(0, len(words), 3))

    def _member(self, record: BtfType, name_offset: int, target: int, offset: int) -> Member:
        name = self.btf.name(name_offset, record.id)
        if not target:
            raise self.damaged(record.id, f"member {name!r} has type void")
        # With kind_flag the offset is bitfield_size << 24 | bit offset.
        if record.flag:
            return Member(name, target, offset & 0xFFFFFF, offset >> 24)
        return Member(name, target, offset, self._old_bit_size(target))

    def _old_bit_size(self, target: int) -> int:
        """Without kind_flag a bit-field is an int narrower than its size: INT data is encoding, offset, bits."""
        found = self.btf.type(target)
        if found.kind != raw.INT:
            return 0
        bits = self.btf.owner(target).words(found.at, 1)[0] & 0xFF
        return bits if bits < found.size_or_type * 8 else 0
