# SPDX-License-Identifier: GPL-2.0-only
"""DWARF of real objects: which unit is taken, what relocations are for, and files made to do harm."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.layouts import dwarf_relocate, dwarf_scan
from auditor.layouts.dwarf import layout_from_dwarf
from auditor.model import Layout

from .tools import PT_REGS, TRICKY, clang, gcc, run, tool


def read(path: str, name: str = "pt_regs") -> Layout:
    return layout_from_dwarf(path, name, "x86_64")


def source(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    return gcc(TRICKY, tmp_path_factory.mktemp("plain") / "tricky.o", "-g")


def test_the_first_complete_definition_is_taken(tmp_path: Path) -> None:
    declared = source(tmp_path, "a.c", "struct pt_regs; struct pt_regs *first; int main(void) { return !first; }")
    defined = source(tmp_path, "b.c", f'#include "{PT_REGS}"\nstruct pt_regs second;')
    one, two = gcc(declared, tmp_path / "a.o", "-g"), gcc(defined, tmp_path / "b.o", "-g")
    image = str(tmp_path / "image")
    run(tool("gcc", package="gcc"), "-o", image, one, two)
    assert read(image).size == 168
    assert read(image).fields[0].name == "r15"
    with pytest.raises(InputError, match=r"no complete definition of struct pt_regs"):
        read(one)


def test_a_struct_inside_a_function_is_not_at_the_top(tmp_path: Path) -> None:
    path = source(tmp_path, "a.c", "int f(void) { struct pt_regs { char c; } r = { 1 }; return r.c; }")
    with pytest.raises(InputError, match=r"no complete definition"):
        read(gcc(path, tmp_path / "a.o", "-g"))


def test_an_image_that_kept_its_relocations_is_read_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source(tmp_path, "a.c", f'#include "{PT_REGS}"\nstruct pt_regs r; int main(void) {{ return r.r15; }}')
    image = str(tmp_path / "image")
    run(tool("gcc", package="gcc"), "-g", "-no-pie", "-Wl,--emit-relocs", "-o", image, str(path))
    assert ".rela.debug_info" in run(tool("readelf", package="binutils"), "-SW", image)
    # With none allowed any attempt to apply them would be an error.
    monkeypatch.setattr(dwarf_relocate, "MAX_RELOCATIONS", 0)
    assert read(image).size == 168


def test_an_object_with_too_many_relocations_says_what_to_use(plain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dwarf_relocate, "MAX_RELOCATIONS", 3)
    with pytest.raises(InputError, match=r"relocations for .debug_info, more than the 3") as caught:
        read(plain)
    assert "final image" in caught.value.hint


def test_relocations_matter_in_an_object(plain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of an object are wrong without them, so the tests on objects do test them."""
    monkeypatch.setattr(dwarf_relocate, "_WIDTHS", {"EM_X86_64": {}})
    with pytest.raises(InputError):
        read(plain)


def test_a_machine_that_is_not_known(plain: str, tmp_path: Path) -> None:
    data = bytearray(Path(plain).read_bytes())
    data[18:20] = struct.pack("<H", 20)  # e_machine: EM_PPC, which is not in the table
    path = tmp_path / "ppc.o"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"relocations of EM_PPC are not known"):
        read(str(path))


def test_no_debug_information(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no .debug_info"):
        read(gcc(TRICKY, tmp_path / "a.o"))


def test_type_units_are_refused_by_name(tmp_path: Path) -> None:
    path = gcc(TRICKY, tmp_path / "a.o", "-g", "-gdwarf-4", "-fdebug-types-section")
    with pytest.raises(InputError, match=r"type unit|no complete definition"):
        read(path, "holder")


def test_partial_link_of_two_compilers(tmp_path: Path) -> None:
    one = source(tmp_path, "a.c", "int only_code(int x) { return x; }")
    objects = gcc(one, tmp_path / "a.o", "-g", "-gdwarf-4"), clang(TRICKY, tmp_path / "b.o", "-g", "-gdwarf-5")
    both = str(tmp_path / "both.o")
    run(tool("ld", package="binutils"), "-r", "-o", both, *objects)
    assert read(both).fields == read(objects[1]).fields


def test_no_other_file_is_opened(plain: str, tmp_path: Path) -> None:
    """A debug link is the file's own claim about another path."""
    objcopy = tool("objcopy", package="binutils")
    copy, secret = str(tmp_path / "a.o"), str(tmp_path / "secret.debug")
    run(objcopy, "--only-keep-debug", plain, secret)
    run(objcopy, "--strip-debug", f"--add-gnu-debuglink={secret}", plain, copy)
    with pytest.raises(InputError, match=r"no .debug_info"):
        read(copy)


def test_sibling_references_are_not_followed(plain: str, tmp_path: Path) -> None:
    """Every reference in .debug_info turned back to the unit's start: an error or a result, but an end."""
    data = bytearray(Path(plain).read_bytes())
    listing = run(tool("readelf", package="binutils"), "-SW", plain)
    line = next(x for x in listing.splitlines() if " .debug_info " in x).split("]")[1].split()
    start, size = int(line[3], 16), int(line[4], 16)
    for value in (0, 1, 0xB, 0xFF):
        for at in range(start + 12, start + size, 7):
            data[at] = value
        path = tmp_path / f"{value}.o"
        path.write_bytes(data)
        with pytest.raises(InputError):
            read(str(path))


@pytest.mark.parametrize("compiler", [gcc, clang])
@pytest.mark.parametrize("version", ["-gdwarf-4", "-gdwarf-5"])
def test_near_names_are_those_of_types(tmp_path: Path, compiler: Callable[..., str], version: str) -> None:
    path = source(tmp_path, "a.c", f'#include "{PT_REGS}"\nstruct pt_regs r; int pt_reg_count, pt_rags;')
    with pytest.raises(InputError) as caught:
        read(compiler(path, tmp_path / "a.o", "-g", version), "pt_reg")
    assert caught.value.hint == "did you mean pt_regs?"
    with pytest.raises(InputError, match="no name in it is near"):
        read(str(tmp_path / "a.o"), "something_else")


def test_limits_of_a_walk(plain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, words in (("MAX_WALKED", "MiB of entries"), ("MAX_ATTRIBUTES", "attributes in abbreviations")):
        with monkeypatch.context() as patch, pytest.raises(InputError, match=words):
            patch.setattr(dwarf_scan, name, 20)
            read(plain, "holder")
