# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kernel.coverage import Looked, Range, common_ranges, coverage
from auditor.kernel.mentions import Mention
from auditor.model import Failure, Uncovered, Unit


def unit(source: str, obj: str = "") -> Unit:
    return Unit(source, obj or source.rsplit(".", 1)[0] + ".o", "/build", ("-c", source))


LOOKED = Looked(
    arch_directory="x86",
    units=(unit("a.c"), unit("twice.c", "one.o"), unit("twice.c", "two.o"), unit("bad.c"), unit("unselected.c")),
    analysed=frozenset({"a.o", "one.o"}),
    included=frozenset({"include/linux/regs.h", "part.c"}),
    inactive={"a.c": ((3, 5), (9, 9)), "include/linux/regs.h": ((2, 2),)},
    failures=(Failure("bad.c", "bad.c:1: unknown type"), Failure("twice.c", "stopped", "two.o")),
    assembly_units=(unit("entry.S"), unit("read.S")),
    assembly_read=frozenset({"read.S", "calling.h"}),
)


@pytest.mark.parametrize(
    ("file", "line"),
    [("a.c", 2), ("a.c", 6), ("a.c", 10), ("include/linux/regs.h", 1), ("part.c", 1), ("twice.c", 1), ("read.S", 1),
     ("calling.h", 1)],
)  # fmt: skip
def test_covered(file: str, line: int) -> None:
    found = coverage([Mention(file, line)], LOOKED)
    assert (found.mentions, found.mentions_covered, found.uncovered) == (1, 1, ())


@pytest.mark.parametrize(
    ("file", "line", "why"),
    [
        ("a.c", 3, "preprocessed out in every unit that reads it"),
        ("a.c", 5, "preprocessed out in every unit that reads it"),
        ("a.c", 9, "preprocessed out in every unit that reads it"),
        ("include/linux/regs.h", 2, "preprocessed out in every unit that reads it"),
        ("bad.c", 1, "unit failed: bad.c:1: unknown type"),
        ("unselected.c", 1, "unit not selected"),
        ("entry.S", 1, "assembly: not read yet"),
        ("arch/arm64/kernel/ptrace.c", 1, "other architecture (arm64)"),
        ("arch/arm64/include/asm/ptrace.h", 1, "other architecture (arm64)"),
        ("arch/x86/kernel/other.c", 1, "not in this configuration"),
        ("arch/x86/kernel/other.S", 1, "not in this configuration"),
        ("arch/x86/include/asm/other.h", 1, "header: read by no analysed unit"),
        ("arch/Kconfig", 1, "not C (Kconfig)"),
        ("drivers/x.c", 1, "not in this configuration"),
        ("Documentation/x.rst", 1, "not C (Documentation)"),
        ("Documentation/x.c", 1, "not C (Documentation)"),
        ("tools/perf/x.c", 1, "tools: not built by this configuration"),
        ("scripts/x.py", 1, "not C (.py)"),
        ("MAINTAINERS", 1, "not C (MAINTAINERS)"),
    ],
)
def test_uncovered_has_its_reason(file: str, line: int, why: str) -> None:
    found = coverage([Mention(file, line)], LOOKED)
    assert (found.mentions, found.mentions_covered, found.uncovered) == (1, 0, (Uncovered(file, line, why),))


def test_counts() -> None:
    found = coverage([Mention("a.c", 1), Mention("a.c", 4), Mention("drivers/x.c", 2)], LOOKED)
    assert (found.units, found.units_analysed, found.units_failed) == (5, 2, LOOKED.failures)
    assert (found.mentions, found.mentions_covered) == (3, 1)
    assert [(u.file, u.line) for u in found.uncovered] == [("a.c", 4), ("drivers/x.c", 2)]


@st.composite
def ranges(draw: st.DrawFn) -> tuple[Range, ...]:
    cuts = sorted(draw(st.sets(st.integers(1, 40), max_size=10)))
    return tuple(zip(cuts[::2], cuts[1::2], strict=False))


def lines(of: tuple[Range, ...]) -> set[int]:
    return {n for first, last in of for n in range(first, last + 1)}


@given(ranges(), ranges())
def test_common_ranges_are_the_lines_of_both(one: tuple[Range, ...], other: tuple[Range, ...]) -> None:
    found = common_ranges(one, other)
    assert lines(found) == lines(one) & lines(other)
    assert list(found) == sorted(found)
