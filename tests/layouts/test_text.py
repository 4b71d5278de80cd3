# SPDX-License-Identifier: GPL-2.0-only
"""Layouts as text, exactly."""

from __future__ import annotations

import pytest

from auditor.layouts.read import read_layout
from auditor.layouts.spelling import base_name, declare, from_clang
from auditor.layouts.text import escape, render
from auditor.layouts.text_diff import render_diff
from auditor.model import Field, Layout

from .tools import PT_REGS, TRICKY


def layout(size: int, *fields: Field, struct: str = "s", align: int = 8) -> Layout:
    return Layout(struct, "x86_64", size, align, fields, "somewhere")


def test_pt_regs() -> None:
    lines = render(read_layout(str(PT_REGS), "pt_regs", "x86_64")).splitlines()
    assert lines[0] == "struct pt_regs {"
    assert lines[1] == "\tunsigned long r15;                       /*     0     8 */"
    assert lines[9] == "\t/* --- cacheline 1 boundary (64 bytes) --- */"
    assert lines[10] == "\tunsigned long r9;                        /*    64     8 */"
    assert lines[-4:] == [
        "",
        "\t/* size: 168, cachelines: 3, members: 21 */",
        "\t/* last cacheline: 40 bytes */",
        "};",
    ]


def test_holes_padding_bits_and_a_boundary_that_is_past() -> None:
    shown = render(
        layout(
            144,
            Field("a", "char", 0, 1),
            Field("b", "unsigned long", 8, 8),
            Field("c", "unsigned long[7]", 16, 56),
            Field("d", "unsigned int", 72, 4, 3, 5),
            Field("e", "int (*)(void)", 80, 8),
            Field("f", "char[]", 88, 0),
        )
    )
    assert shown.splitlines() == [
        "struct s {",
        "\tchar a;                                  /*     0     1 */",
        "",
        "\t/* XXX 7 bytes hole, try to pack */",
        "",
        "\tunsigned long b;                         /*     8     8 */",
        "\tunsigned long c[7];                      /*    16    56 */",
        "\t/* --- cacheline 1 boundary (64 bytes) was 8 bytes ago --- */",
        "\tunsigned int d:5;                        /*    72: 3  4 */",
        "",
        "\t/* XXX 4 bytes hole, try to pack */",
        "",
        "\tint (*e)(void);                          /*    80     8 */",
        "\tchar f[];                                /*    88     0 */",
        "",
        "\t/* size: 144, cachelines: 3, members: 6 */",
        "\t/* sum members: 77, holes: 2, sum holes: 11 */",
        "\t/* padding: 56 */",
        "\t/* last cacheline: 16 bytes */",
        "};",
    ]


def test_an_empty_struct() -> None:
    assert render(layout(0)).splitlines()[-2:] == ["\t/* size: 0, cachelines: 0, members: 0 */", "};"]


def test_one_byte_of_a_hole() -> None:
    shown = render(layout(4, Field("a", "char", 0, 1), Field("b", "short", 2, 2), align=2))
    assert "/* XXX 1 byte hole, try to pack */" in shown


def test_diff() -> None:
    before = layout(
        24, Field("a", "u8", 0, 1), Field("b", "u32", 4, 4), Field("gone", "u64", 8, 8), Field("z", "u64", 16, 8)
    )
    after = layout(
        40, Field("new", "u64", 0, 8), Field("a", "u16", 8, 2), Field("b", "u32", 12, 4, 0, 7), Field("z", "u64", 16, 8)
    )
    lines = [" ".join(line.split()) for line in render_diff(before, after).splitlines()]
    assert lines[:2] == ["struct s: somewhere -> somewhere", "member old new shift change"]
    assert lines[3:] == [
        "new - 0 added (8 bytes, u64)",
        "a 0 8 +8 resized 1 -> 2, retyped u8 -> u16",
        "b 4 12:0 +8 bits none -> 0+7",
        "gone 8 - removed (8 bytes)",
        "z 16 16",
        "size: 24 -> 40 (+16)",
    ]


def test_names_cannot_drive_the_terminal() -> None:
    evil = layout(8, Field("a\x1b[2J\n\u202e", "t\x07", 0, 8), struct="s\r")
    for shown in (render(evil), render_diff(evil, layout(8)), render_diff(layout(8), evil)):
        assert not set(shown) & {"\x1b", "\x07", "\r", "\u202e"}
        assert "\\x1b[2J\\n\\u202e" in shown
    assert escape("\udcff") == "\\udcff"


@pytest.mark.parametrize(
    ("type_name", "declaration"),
    [
        ("int", "int x"),
        ("char *", "char *x"),
        ("char[16]", "char x[16]"),
        ("int *[3]", "int *x[3]"),
        ("int (*)[4]", "int (*x)[4]"),
        ("int (**)(void)", "int (**x)(void)"),
        ("int (*[2])(int, ...)", "int (*x[2])(int, ...)"),
        ("int (*(*)(int))(char)", "int (*(*x)(int))(char)"),
        ("void (*const)(void (*)(int))", "void (*const x)(void (*)(int))"),
        ("void *const", "void *const x"),
    ],
)
def test_declarations(type_name: str, declaration: str) -> None:
    assert declare(type_name, "x") == declaration


@pytest.mark.parametrize(
    ("debug", "clang"),
    [
        ("long unsigned int", "unsigned long"),
        ("long long int", "long long"),
        ("short unsigned int", "unsigned short"),
        ("__int128 unsigned", "unsigned __int128"),
        ("signed char", "signed char"),
        ("char", "char"),
        ("unsigned", "unsigned int"),
        ("long double", "long double"),
        ("_Bool", "_Bool"),
    ],
)
def test_base_names(debug: str, clang: str) -> None:
    assert base_name(debug) == clang


def test_unnamed_types_have_no_file_position() -> None:
    assert from_clang("struct (unnamed struct at /a/b c.h:3:4) *") == "struct {...} *"
    assert from_clang("union s::(anonymous union at x (1).h:3:4)") == "union {...}"
    layout_of = read_layout(str(TRICKY), "pointers", "x86_64")
    assert [f.type for f in layout_of.fields if f.name in ("colour", "named")] == ["enum {...}", "struct {...}"]
