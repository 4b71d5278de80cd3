# SPDX-License-Identifier: GPL-2.0-only
"""What a file is, by its content; and the files that are none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from auditor.errors import InputError, UsageError
from auditor.layouts import btf, elf
from auditor.layouts.c import layout_from_source, layout_from_translation_unit
from auditor.layouts.read import read_layout

from .btfwriter import regs
from .tools import PT_REGS, TRICKY, gcc, with_btf


def refuses(path: Path | str, *words: str, struct: str = "pt_regs") -> None:
    with pytest.raises(InputError) as caught:
        read_layout(str(path), struct, "x86_64")
    assert caught.value.path.startswith(str(path))
    for word in words:
        assert word in str(caught.value)


def test_the_content_decides(tmp_path: Path) -> None:
    wanted = read_layout(str(PT_REGS), "pt_regs", "x86_64")
    header = tmp_path / "regs.txt"
    shutil.copy(PT_REGS, header)
    object_file = gcc(TRICKY, tmp_path / "object.h", "-g")
    raw = tmp_path / "raw.c"
    raw.write_bytes(regs().bytes())
    assert read_layout(str(header), "pt_regs", "x86_64").fields == wanted.fields
    assert read_layout(object_file, "pt_regs", "x86_64").fields == wanted.fields
    assert read_layout(str(raw), "pt_regs", "x86_64").size == 56
    assert wanted.source == str(PT_REGS) and wanted.arch == "x86_64" and wanted.struct == "pt_regs"


def test_btf_is_preferred_to_dwarf(tmp_path: Path) -> None:
    path = with_btf(gcc(TRICKY, tmp_path / "a.o", "-g"))
    assert read_layout(path, "stretched", "x86_64").align == 4  # BTF does not know of aligned(32)
    assert read_layout(gcc(TRICKY, tmp_path / "b.o", "-g"), "stretched", "x86_64").align == 32


def test_what_is_no_input(tmp_path: Path) -> None:
    fifo, empty, binary, loop = (tmp_path / n for n in ("fifo", "empty", "binary", "loop"))
    os.mkfifo(fifo)
    empty.touch()
    binary.write_bytes(b"\x1f\x8b\x08\0" + bytes(100))
    loop.symlink_to(loop)
    refuses(fifo, "not a regular file")
    refuses(tmp_path, "is a directory")
    refuses(empty, "is empty")
    refuses(binary, "neither C, ELF nor BTF")
    refuses(tmp_path / "nothing", "No such file")
    refuses(loop, "symbolic links")
    refuses("/dev/zero", "not a regular file")
    with pytest.raises(InputError, match="not a file name"):
        read_layout("a\0b", "pt_regs", "x86_64")
    with pytest.raises(UsageError, match="--struct"):
        read_layout(str(PT_REGS), " ", "x86_64")


def test_an_elf_header_alone(tmp_path: Path) -> None:
    path = tmp_path / "stub"
    path.write_bytes(b"\x7fELF")
    refuses(path, "ELF file is damaged")


def test_raw_btf_has_a_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "raw"
    path.write_bytes(regs().bytes())
    monkeypatch.setattr(btf, "MAX_RAW", 100)
    refuses(path, "is larger than")


def test_a_section_has_a_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = gcc(TRICKY, tmp_path / "a.o", "-g", "-gz=zlib")
    monkeypatch.setattr(elf, "MAX_SECTION", 100)
    refuses(path, "more than the 100 that are read")


def test_c_that_does_not_parse_names_file_and_line(tmp_path: Path) -> None:
    header = tmp_path / "bad.h"
    header.write_text("struct pt_regs {\n\tnot_a_type ip;\n};\n")
    refuses(header, f"{header}:2:", "unknown type name 'not_a_type'")
    header.write_text('#include "missing.h"\nstruct pt_regs { long ip; };\n')
    refuses(header, f"{header}:1:", "'missing.h' file not found")
    header.write_text("struct other { int a; };\nstruct pt_regs;\n")
    refuses(header, "no complete definition of struct pt_regs")
    header.write_text("struct pt_regs { int a; };\n")
    refuses(header, "did you mean pt_regs?", struct="pt_reg")


def test_a_wrong_type_before_the_struct_is_an_error_too(tmp_path: Path) -> None:
    """clang goes on with int: the offset of `ip` would be 4."""
    header = tmp_path / "bad.h"
    header.write_text("typedef unknown_t word;\nstruct pt_regs { word r15; word ip; };\n")
    refuses(header, f"{header}:1:")


def test_a_failed_static_assertion_is_no_obstacle(tmp_path: Path) -> None:
    header = tmp_path / "guarded.h"
    header.write_text('struct pt_regs { long pks; long r15; };\n_Static_assert(sizeof(struct pt_regs) == 8, "size");\n')
    assert read_layout(str(header), "pt_regs", "x86_64").size == 16


def test_function_bodies_are_not_parsed(tmp_path: Path) -> None:
    header = tmp_path / "body.h"
    header.write_text("struct pt_regs { long ip; };\nstatic inline void f(void) { this is no C; }\n")
    assert read_layout(str(header), "pt_regs", "x86_64").size == 8


def test_clang_arguments(tmp_path: Path) -> None:
    header = tmp_path / "a.h"
    header.write_text("struct pt_regs { long ip;\n#ifdef MORE\n char more;\n#endif\n};\n")
    sizes = [
        read_layout(str(header), "pt_regs", "x86_64", a).size for a in ([], ["-DMORE"], ["-m32"], ["--target=s390x"])
    ]
    assert sizes == [8, 16, 4, 8]
    with pytest.raises(UsageError, match="unknown architecture"):
        read_layout(str(header), "pt_regs", "vax")


def test_a_unit_that_is_parsed_already() -> None:
    from clang import cindex

    tu = cindex.Index.create().parse(str(TRICKY), args=["-xc", "--target=x86_64-linux-gnu"])
    found = layout_from_translation_unit(tu, "slots", "x86_64")
    assert found is not None
    assert found.fields == layout_from_source(str(TRICKY), "slots", "x86_64").fields
    assert layout_from_translation_unit(tu, "nowhere", "x86_64") is None
    assert layout_from_translation_unit(tu, "no_such", "x86_64") is None
    assert layout_from_translation_unit(tu, "handler_t", "x86_64") is None
    user = layout_from_translation_unit(tu, "bpf_user_pt_regs_t", "x86_64")
    assert user is not None and user.size == 168
