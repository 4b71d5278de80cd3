# SPDX-License-Identifier: GPL-2.0-only
"""Writes BTF, right or deliberately wrong, in either byte order. Layout: Documentation/bpf/btf.rst of the kernel."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, \
    DECL_TAG, TYPE_TAG, ENUM64 = range(1, 20)  # fmt: skip


@dataclass
class Writer:
    """`add` returns the id of the new type. `first_id` and `first_string` are set for split BTF."""

    order: str = "<"
    first_id: int = 1
    first_string: int = 0
    types: bytes = b""
    strings: bytes = b"\0"
    count: int = 0
    names: dict[str, int] = field(default_factory=dict)

    def name(self, text: str) -> int:
        if not text:
            return 0
        if text not in self.names:
            self.names[text] = self.first_string + len(self.strings)
            self.strings += text.encode() + b"\0"
        return self.names[text]

    def add(
        self, kind: int, name: str = "", size_or_type: int = 0, vlen: int = 0, flag: bool = False, *more: int
    ) -> int:
        info = kind << 24 | vlen | flag << 31
        words = (self.name(name), info, size_or_type, *more)
        self.types += struct.pack(f"{self.order}{len(words)}I", *words)
        self.count += 1
        return self.first_id + self.count - 1

    def integer(self, name: str, size: int, bits: int = 0) -> int:
        return self.add(INT, name, size, 0, False, bits or size * 8)

    def record(
        self, name: str, size: int, *members: tuple[str, int, int], kind: int = STRUCT, flag: bool = False
    ) -> int:
        """Members are (name, type, offset word as it stands in the file)."""
        words = [w for n, t, o in members for w in (self.name(n), t, o)]
        return self.add(kind, name, size, len(members), flag, *words)

    def bytes(self, **header: int) -> bytes:
        """The file; `header` replaces fields of struct btf_header by their names there."""
        values = {
            "magic": 0xEB9F, "version": 1, "flags": 0, "hdr_len": 24, "type_off": 0, "type_len": len(self.types),
            "str_off": len(self.types), "str_len": len(self.strings),
        } | header  # fmt: skip
        return struct.pack(self.order + "HBBIIIII", *values.values()) + self.types + self.strings


def regs(order: str = "<") -> Writer:
    """A struct with every sort of member: union, bit-fields, array, pointers, enum64, typedef, and the other kinds."""
    w = Writer(order)
    long = w.integer("long unsigned int", 8)
    short = w.integer("short unsigned int", 2)
    u16 = w.add(TYPEDEF, "u16", short)
    slot = w.record("", 8, ("cs", u16, 0), ("csx", long, 0), kind=UNION)
    array = w.add(ARRAY, "", 0, 0, False, short, long, 4)
    task = w.add(FWD, "task_struct")
    tagged = w.add(TYPE_TAG, "user", task)
    pointer = w.add(PTR, "", w.add(CONST, "", tagged))
    wide = w.add(ENUM64, "big", 8, 1, False, w.name("BIG"), 0, 1)
    proto = w.add(FUNC_PROTO, "", long, 2, False, 0, pointer, 0, 0)
    handler = w.add(PTR, "", proto)
    w.add(FUNC, "touch", proto)
    w.add(VAR, "global", long, 0, False, 1)
    w.add(DATASEC, ".data", 8, 1, False, 13, 0, 8)
    w.add(FLOAT, "double", 8)
    w.add(DECL_TAG, "tag", 4, 0, False, 0xFFFFFFFF)
    w.record(
        "pt_regs", 56, ("ip", long, 0), ("", slot, 64), ("a", u16, 3 << 24 | 128), ("b", u16, 9 << 24 | 131),
        ("table", array, 144), ("task", pointer, 256), ("wide", wide, 320), ("handler", handler, 384), flag=True,
    )  # fmt: skip
    return w
