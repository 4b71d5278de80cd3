# SPDX-License-Identifier: GPL-2.0-only
"""Four sources of one layout, and pahole, agree on every member."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from auditor.layouts.btf import layout_from_btf
from auditor.layouts.c import layout_from_source
from auditor.layouts.dwarf import layout_from_dwarf
from auditor.model import Field, Layout

from .tools import TRICKY, clang, gcc, pahole_fields, pahole_size, with_btf

STRUCTS = (
    "pt_regs", "slots", "bits", "squeezed", "squeezed_bits", "stretched", "flexible", "pointers", "choice",
    "unnamed_t", "holder", "fred_cs", "bpf_user_pt_regs_t",
)  # fmt: skip
DWARF_BUILDS = {
    "gcc-dwarf4": ("-g", "-gdwarf-4"),
    "gcc-dwarf5": ("-g", "-gdwarf-5"),
    "gcc-dwarf2": ("-g", "-gdwarf-2", "-gstrict-dwarf"),
    "gcc-compressed": ("-g", "-gz=zlib"),
    "gcc-optimised": ("-g", "-O2"),
}
CLANG_BUILDS = {
    "clang-dwarf4": ("-g", "-gdwarf-4"),
    "clang-dwarf5": ("-g", "-gdwarf-5"),
    "clang-compressed": ("-g", "-gz=zlib"),
}


@pytest.fixture(scope="module", params=[*DWARF_BUILDS, *CLANG_BUILDS])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    output = tmp_path_factory.mktemp("objects") / "tricky.o"
    if request.param in DWARF_BUILDS:
        return gcc(TRICKY, output, *DWARF_BUILDS[request.param])
    return clang(TRICKY, output, *CLANG_BUILDS[request.param])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    return gcc(TRICKY, tmp_path_factory.mktemp("plain") / "tricky.o", "-g")


def from_c(struct: str, *arguments: str) -> Layout:
    return layout_from_source(str(TRICKY), struct, "x86_64", arguments)


def facts(layout: Layout) -> tuple[int, tuple[Field, ...]]:
    return layout.size, layout.fields


@pytest.mark.parametrize("struct", STRUCTS)
def test_dwarf_agrees_with_the_compiler_front_end(built: str, struct: str) -> None:
    assert facts(layout_from_dwarf(built, struct, "x86_64")) == facts(from_c(struct))


@pytest.mark.parametrize("struct", STRUCTS)
def test_btf_from_pahole_agrees(plain: str, struct: str, tmp_path: Path) -> None:
    copy = tmp_path / "tricky.o"
    copy.write_bytes(Path(plain).read_bytes())
    wanted = from_c(struct)
    # pahole writes an array of arrays as one array of as many elements.
    flat = tuple(replace(f, type="long[6]") if f.type == "long[2][3]" else f for f in wanted.fields)
    assert facts(layout_from_btf(with_btf(str(copy)), struct, "x86_64")) == (wanted.size, flat)


@pytest.mark.parametrize("struct", [s for s in STRUCTS if s != "bits"])
def test_btf_from_clang_agrees(struct: str, tmp_path: Path) -> None:
    path = clang(TRICKY, tmp_path / "tricky.o", "-g", "-target", "bpf")
    wanted = from_c(struct, "--target=bpf")
    assert facts(layout_from_btf(path, struct, "x86_64")) == facts(wanted)


@pytest.mark.parametrize("struct", STRUCTS)
@pytest.mark.parametrize(
    "target", ["s390x-linux-gnu", "aarch64-linux-gnu", "armv7-linux-gnueabi", "powerpc64-linux-gnu"]
)
def test_other_targets_and_big_endian(struct: str, target: str, tmp_path: Path) -> None:
    flags = (f"--target={target}",)
    path = clang(TRICKY, tmp_path / "tricky.o", "-g", *flags)
    assert facts(layout_from_dwarf(path, struct, "other")) == facts(
        layout_from_source(str(TRICKY), struct, "other", flags)
    )


PAHOLE = [s for s in STRUCTS if not s.endswith("_t") and s != "squeezed_bits"]


@pytest.mark.parametrize("struct", PAHOLE)
def test_pahole_agrees(plain: str, struct: str) -> None:
    layout = layout_from_dwarf(plain, struct, "x86_64")
    mine = [(f.name, f.offset, f.size, f.bit_offset) for f in layout.fields]
    assert mine == pahole_fields(plain, struct)


@pytest.mark.parametrize("struct", [s for s in PAHOLE if s != "choice"])  # it shows no size for a union
def test_pahole_agrees_on_the_size(plain: str, struct: str) -> None:
    assert layout_from_dwarf(plain, struct, "x86_64").size == pahole_size(plain, struct)


def test_a_bit_field_across_units_covers_all_its_bytes(plain: str) -> None:
    """pahole says 4 bytes from 0 and bit 28 for one that ends at bit 48; here its bytes hold it."""
    layout = layout_from_dwarf(plain, "squeezed_bits", "x86_64")
    first = {n: o * 8 + (b or 0) for n, o, _, b in pahole_fields(plain, "squeezed_bits")}
    assert {f.name: f.offset * 8 + (f.bit_offset or 0) for f in layout.fields} == first
    assert layout.get("b") == Field("b", "unsigned int", 3, 3, 4, 20)
    assert "b" in layout.covering(5, 6)


@pytest.mark.parametrize("struct", [s for s in STRUCTS if s not in ("stretched", "holder")])
def test_alignment_without_explicit_alignment(plain: str, struct: str, tmp_path: Path) -> None:
    copy = tmp_path / "tricky.o"
    copy.write_bytes(Path(plain).read_bytes())
    wanted = from_c(struct).align
    assert layout_from_dwarf(plain, struct, "x86_64").align == wanted
    assert layout_from_btf(with_btf(str(copy)), struct, "x86_64").align == wanted


def test_explicit_alignment_is_in_dwarf(tmp_path: Path) -> None:
    path = gcc(TRICKY, tmp_path / "tricky.o", "-g", "-gdwarf-5")
    assert layout_from_dwarf(path, "stretched", "x86_64").align == from_c("stretched").align == 32


def test_numbers_known_by_heart() -> None:
    slots = from_c("slots")
    assert [(f.name, f.offset, f.size) for f in slots.fields] == [
        ("ip", 0, 8), ("cs", 8, 2), ("csx", 8, 8), ("fred_cs", 8, 8), ("flags", 16, 8), ("low", 24, 2), ("b", 26, 6),
        ("x", 26, 2), ("y", 28, 2), ("z", 30, 2), ("whole", 24, 8),
    ]  # fmt: skip
    assert from_c("squeezed").align == 1
    assert from_c("flexible").fields[-1] == Field("items", "struct {...}[]", 4, 0)
    assert from_c("bits").get("b") == Field("b", "unsigned int", 0, 4, 5, 9)
