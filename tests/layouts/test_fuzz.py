# SPDX-License-Identifier: GPL-2.0-only
"""Damaged BTF and DWARF: only InputError may come out, and the undamaged neighbour reads as before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.errors import InputError
from auditor.layouts.btf import layout_from_btf
from auditor.layouts.dwarf import layout_from_dwarf
from auditor.layouts.read import read_layout
from auditor.model import Layout

from .btfwriter import regs
from .tools import TRICKY, clang, gcc, run, tool

Edits = list[tuple[str, float, int]]
Reader = Callable[[str, str, str], Layout]
STRUCT = "slots"

# (kind, where as a fraction of the target, value): overwrite a byte, overwrite a word, cut off, or repeat a piece.
damage = st.lists(
    st.tuples(
        st.sampled_from(["byte", "word", "cut", "repeat"]),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
        | st.integers(0, 2**32 - 1),
    ),
    min_size=1,
    max_size=8,
)
quick = settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def damaged(data: bytes, edits: Edits, ranges: list[tuple[int, int]]) -> bytes:
    """Edits hit one of the given ranges each: damage that the reader of those bytes has to notice."""
    out = bytearray(data)
    for number, (kind, where, value) in enumerate(edits):
        lo, hi = ranges[(number + value) % len(ranges)]
        at = min(lo + int((hi - lo) * where), max(len(out) - 1, 0))
        if kind == "byte":
            out[at : at + 1] = bytes([value & 0xFF])
        elif kind == "word":
            out[at : at + 4] = value.to_bytes(4, "little")
        elif kind == "repeat":
            out[at : at + 16] = out[max(at - 16, 0) : at]
        elif number == len(edits) - 1:  # a cut in front of other edits would leave them nothing to hit
            del out[at:]
    return bytes(out)


def sections(path: str, *names: str) -> list[tuple[int, int]]:
    """File ranges of the sections, and of the ELF header and the section headers."""
    found = [(0, 64)]
    for line in run(tool("readelf", package="binutils"), "-SW", path).splitlines():
        words = line.split("]", 1)[-1].split()
        if words and words[0] in names:
            start, size = int(words[3], 16), int(words[4], 16)
            found.append((start, start + size))
    size = Path(path).stat().st_size
    return [*found, (max(size - 4000, 0), size)]


def hold(reader: Reader, good: str, bad: Path, edits: Edits, where: list[tuple[int, int]], wanted: Layout) -> None:
    data = Path(good).read_bytes()
    bad.write_bytes(damaged(data, edits, where))
    try:
        layout = reader(str(bad), STRUCT, "x86_64")
    except InputError as e:
        assert e.path.startswith(str(bad))  # as C, when the magic number is gone: with a line
        assert len(str(e)) < 1000
    else:
        assert all(f.offset >= 0 and f.size >= 0 for f in layout.fields)
    assert reader(good, STRUCT, "x86_64") == wanted


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


DWARF = (".debug_info", ".debug_abbrev", ".debug_str", ".rela.debug_info")


@pytest.mark.parametrize("build", ["gcc-4", "gcc-5", "clang-5", "gcc-z"])
def test_dwarf(place: Path, build: str) -> None:
    compiler, version = build.split("-")
    flags = ("-g", "-gz=zlib") if version == "z" else ("-g", f"-gdwarf-{version}")
    good = (gcc if compiler == "gcc" else clang)(TRICKY, place / f"{build}.o", *flags)
    where, bad = sections(good, *DWARF, ".debug_str_offsets"), place / f"{build}-bad.o"
    wanted = layout_from_dwarf(good, STRUCT, "x86_64")

    @given(damage)
    @quick
    def fuzz(edits: Edits) -> None:
        hold(layout_from_dwarf, good, bad, edits, where, wanted)

    fuzz()


def test_btf_of_an_object(place: Path) -> None:
    good = clang(TRICKY, place / "bpf.o", "-g", "-target", "bpf")
    where, bad = sections(good, ".BTF"), place / "bpf-bad.o"
    wanted = read_layout(good, STRUCT, "x86_64")

    @given(damage)
    @quick
    def fuzz(edits: Edits) -> None:
        hold(read_layout, good, bad, edits, where, wanted)

    fuzz()


@pytest.mark.parametrize("order", "<>")
def test_raw_btf(place: Path, order: str) -> None:
    good, bad = place / "good.btf", place / "bad.btf"
    writer = regs(order)
    writer.record(STRUCT, 8, ("ip", 1, 0))
    data = writer.bytes()
    good.write_bytes(data)
    wanted = layout_from_btf(str(good), STRUCT, "x86_64")

    @given(damage)
    @quick
    def fuzz(edits: Edits) -> None:
        hold(layout_from_btf, str(good), bad, edits, [(0, 24), (24, len(data))], wanted)

    fuzz()


@given(st.binary(max_size=300), st.sampled_from([b"\x7fELF\x02\x01\x01", b"\x9f\xeb\x01\x00", b"\xeb\x9f\x01\x00"]))
@quick
def test_noise_behind_a_magic_number(tmp_path_factory: pytest.TempPathFactory, noise: bytes, magic: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "noise"
    path.write_bytes(magic + noise)
    with pytest.raises(InputError):
        read_layout(str(path), "pt_regs", "x86_64")
