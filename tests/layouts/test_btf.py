# SPDX-License-Identifier: GPL-2.0-only
"""BTF from hand-made bytes: both byte orders, old bit-fields, split BTF, and files made to do harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.layouts.btf import layout_from_btf
from auditor.model import Field

from .btfwriter import ARRAY, CONST, FLOAT, FUNC_PROTO, PTR, STRUCT, TYPEDEF, UNION, Writer, regs
from .tools import PT_REGS, TRICKY, gcc, pahole, run, with_btf

FIELDS = (
    Field("ip", "unsigned long", 0, 8),
    Field("cs", "u16", 8, 2),
    Field("csx", "unsigned long", 8, 8),
    Field("a", "u16", 16, 2, 0, 3),
    Field("b", "u16", 16, 2, 3, 9),
    Field("table", "unsigned short[4]", 18, 8),
    Field("task", "const struct task_struct *", 32, 8),
    Field("wide", "enum big", 40, 8),
    Field("handler", "unsigned long (*)(const struct task_struct *, ...)", 48, 8),
)


def read(tmp_path: Path, data: bytes, struct: str = "pt_regs", base: bytes | None = None) -> tuple[Field, ...]:
    path = tmp_path / "some.btf"
    path.write_bytes(data)
    if base is None:
        return layout_from_btf(str(path), struct, "x86_64").fields
    (tmp_path / "base.btf").write_bytes(base)
    return layout_from_btf(str(path), struct, "x86_64", str(tmp_path / "base.btf")).fields


def refuses(tmp_path: Path, data: bytes, *words: str, struct: str = "pt_regs") -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, data, struct)
    assert caught.value.path.endswith("some.btf")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("order", "<>")
def test_every_kind_of_member(tmp_path: Path, order: str) -> None:
    assert read(tmp_path, regs(order).bytes()) == FIELDS


@pytest.mark.parametrize("order", "<>")
def test_bit_fields_without_kind_flag(tmp_path: Path, order: str) -> None:
    w = Writer(order)
    narrow = w.integer("unsigned int", 4, bits=5)
    w.record("pt_regs", 4, ("low", narrow, 0), ("high", narrow, 27))
    wanted = (Field("low", "unsigned int", 0, 4, 0, 5), Field("high", "unsigned int", 0, 4, 27, 5))
    assert read(tmp_path, w.bytes()) == wanted


def test_a_longer_header_is_skipped(tmp_path: Path) -> None:
    data = regs().bytes(hdr_len=32)
    assert read(tmp_path, data[:24] + bytes(8) + data[24:]) == FIELDS


def test_a_name_that_is_the_end_of_another(tmp_path: Path) -> None:
    w = Writer()
    w.name("compat_pt_regs")
    w.names["pt_regs"] = w.names["compat_pt_regs"] + len("compat_")
    w.record("pt_regs", 8, ("ip", w.integer("long", 8), 0))
    data = w.bytes()
    assert data.count(b"pt_regs\0") == 1
    assert [f.name for f in read(tmp_path, data)] == ["ip"]


def test_pointers_are_as_large_as_long(tmp_path: Path) -> None:
    w = Writer()
    w.integer("long int", 4)
    w.record("pt_regs", 4, ("p", w.add(PTR), 0))
    assert read(tmp_path, w.bytes()) == (Field("p", "void *", 0, 4),)


def test_split_btf_continues_its_base(tmp_path: Path) -> None:
    base = Writer()
    long = base.integer("unsigned long", 8)
    base.record("pt_regs", 8, ("ip", long, 0))
    module = Writer(first_id=3, first_string=len(base.strings), strings=b"", names=dict(base.names))
    module.record("wrapper", 16, ("regs", 2, 0), ("more", long, 64))
    wanted = (Field("regs", "struct pt_regs", 0, 8), Field("more", "unsigned long", 8, 8))
    assert read(tmp_path, module.bytes(), "wrapper", base.bytes()) == wanted
    assert [f.name for f in read(tmp_path, module.bytes(), "pt_regs", base.bytes())] == ["ip"]
    refuses(tmp_path, module.bytes(), "base", struct="wrapper")


def test_a_base_of_the_other_byte_order(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="byte order"):
        read(tmp_path, regs("<").bytes(), "pt_regs", regs(">").bytes())


def test_unknown_struct_lists_near_names(tmp_path: Path) -> None:
    refuses(tmp_path, regs().bytes(), "pt_reg", "did you mean pt_regs?", struct="pt_reg")


def test_a_declaration_is_not_a_definition(tmp_path: Path) -> None:
    refuses(tmp_path, regs().bytes(), "no definition of struct task_struct", struct="task_struct")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"version": 2}, ("version 2", "byte 2")),
        ({"hdr_len": 8}, ("header length 8",)),
        ({"hdr_len": 1 << 31}, ("header length",)),
        ({"type_len": 1 << 30}, ("type section", "cut off")),
        ({"str_len": 1 << 30}, ("string section", "cut off")),
        ({"type_off": 0xFFFFFFFF}, ("type section", "cut off")),
        ({"type_len": 12}, ("runs past the type section",)),
        ({"type_len": 16 + 5}, ("ends within a type at byte 40",)),
        ({"str_len": 0}, ("string section",)),
        ({"magic": 0xEB9E}, ("is not BTF",)),
    ],
)
def test_damaged_header(tmp_path: Path, header: dict[str, int], words: tuple[str, ...]) -> None:
    refuses(tmp_path, regs().bytes(**header), *words)


def test_unknown_kind_names_its_byte(tmp_path: Path) -> None:
    w = Writer()
    w.integer("long", 8)
    w.add(25)
    refuses(tmp_path, w.bytes(), "kind 25", "byte 40")


def test_a_string_without_end(tmp_path: Path) -> None:
    w = regs()
    w.strings += b"x" * 5000
    refuses(tmp_path, w.bytes(), "string section")
    w.strings += b"\0"
    w.names["huge"] = len(w.strings) - 5001
    w.record("huge", 8)
    refuses(tmp_path, w.bytes(), "has no end within", struct="nothing like it")


def one(w: Writer, target: int, offset: int = 0, size: int = 8) -> bytes:
    w.record("pt_regs", size, ("member", target, offset))
    return w.bytes()


def test_members_of_impossible_types(tmp_path: Path) -> None:
    refuses(tmp_path, one(Writer(), 99), "type 99 does not exist")
    refuses(tmp_path, one(Writer(), 0), "void")
    w = Writer()
    refuses(tmp_path, one(w, w.integer("long", 8), offset=8), "'member'", "ends at 9")
    w = Writer()
    refuses(tmp_path, one(w, w.integer("long", 8), offset=3), "bit 3")
    w = Writer()
    refuses(tmp_path, one(w, w.add(FUNC_PROTO)), "no size")
    w = Writer()
    refuses(tmp_path, one(w, w.add(TYPEDEF, "t", 0)), "void")
    w = Writer()
    big = w.add(ARRAY, "", 0, 0, False, w.integer("long", 8), 1, 0xFFFFFFFF)
    for _ in range(3):
        big = w.add(ARRAY, "", 0, 0, False, big, 1, 0xFFFFFFFF)
    refuses(tmp_path, one(w, big), "bytes")


@pytest.mark.parametrize("kind", [TYPEDEF, CONST, PTR])
def test_a_type_that_refers_to_itself(tmp_path: Path, kind: int) -> None:
    w = Writer()
    refuses(tmp_path, one(w, w.add(kind, "t", 1)), "circle")


def test_records_and_arrays_that_contain_themselves(tmp_path: Path) -> None:
    w = Writer()
    w.record("pt_regs", 8, ("", 1, 0))
    refuses(tmp_path, w.bytes(), "circle")
    w = Writer()
    refuses(tmp_path, one(w, w.add(ARRAY, "", 0, 0, False, 1, 1, 2)), "circle")
    w = Writer()
    w.add(TYPEDEF, "pt_regs", 1)
    refuses(tmp_path, w.bytes(), "circle")


def doubling(w: Writer, kind: int) -> int:
    """Each level refers twice to the one before: 2 to the power of 25 in all."""
    last = w.integer("long", 8)
    for _ in range(25):
        if kind == FUNC_PROTO:
            last = w.add(PTR, "", w.add(FUNC_PROTO, "", 0, 2, False, 0, last, 0, last))
        else:
            last = w.record("", 8, ("", last, 0), ("", last, 0), kind=UNION)
    return last


@pytest.mark.parametrize(("kind", "words"), [(FUNC_PROTO, "text is longer"), (UNION, "types take part in one struct")])
def test_exponential_expansion_is_cut_short(tmp_path: Path, kind: int, words: str) -> None:
    w = Writer()
    last = doubling(w, kind)
    w.record("pt_regs", 8, ("" if kind == UNION else "member", last, 0))
    refuses(tmp_path, w.bytes(), words)


def test_too_many_types(tmp_path: Path) -> None:
    w = Writer()
    w.add(FLOAT, "float", 4)
    w.types *= 0x100000
    refuses(tmp_path, w.bytes(), "BTF types")


def test_a_struct_with_all_its_members(tmp_path: Path) -> None:
    w = Writer()
    long = w.integer("long", 8)
    w.record("pt_regs", 8 * 0xFFFF, *((f"m{i}", long, 64 * i) for i in range(0xFFFF)))
    assert len(read(tmp_path, w.bytes())) == 0xFFFF


def test_odd_names_are_read_not_trusted(tmp_path: Path) -> None:
    w = Writer()
    w.names["odd"] = len(w.strings)
    w.strings += b"\xff\x1b[31m\0"
    w.record("pt_regs", 8, ("odd", w.integer("long", 8), 0))
    assert read(tmp_path, w.bytes())[0].name == "\\xff\x1b[31m"


def test_vlen_of_another_struct_kind(tmp_path: Path) -> None:
    w = Writer()
    long = w.integer("long", 8)
    w.add(STRUCT, "pt_regs", 8, 3, False, w.name("ip"), long, 0)
    refuses(tmp_path, w.bytes(), "runs past the type section")


def test_split_btf_as_pahole_makes_it(tmp_path: Path) -> None:
    """A module refers to the kernel's struct; neither name nor members are in its own BTF."""
    kernel = gcc(TRICKY, tmp_path / "kernel.o", "-g")
    with_btf(kernel)
    source = tmp_path / "module.c"
    source.write_text(f'#include "{PT_REGS}"\nstruct wrapper {{ int n; struct pt_regs regs; }} w;\n')
    module = gcc(source, tmp_path / "module.o", "-g")
    run(pahole(), "-J", "--btf_base", kernel, module)
    wanted = (Field("n", "int", 0, 4), Field("regs", "struct pt_regs", 8, 168))
    assert layout_from_btf(module, "wrapper", "x86_64", kernel).fields == wanted
    assert layout_from_btf(module, "pt_regs", "x86_64", kernel).size == 168
    with pytest.raises(InputError) as caught:
        layout_from_btf(module, "wrapper", "x86_64")
    assert "base" in caught.value.hint


def test_a_function_type_of_absurd_length(tmp_path: Path) -> None:
    w = Writer()
    long = w.integer("x" * 4000, 8)
    proto = w.add(FUNC_PROTO, "", 0, 0xFFFF, False, *(0, long) * 0xFFFF)
    refuses(tmp_path, one(w, w.add(PTR, "", proto)), "longer than")
