# SPDX-License-Identifier: GPL-2.0-only
"""The changed copy of a header: each operation on existing lines, checked against the layout that it must give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from auditor.arch import by_id
from auditor.errors import InputError, UsageError
from auditor.layouts.c import layout_from_source
from auditor.layouts.effects import apply
from auditor.model import Field, Operation, Proposal, Unit
from auditor.prove.overlay import Overlay, make_overlay

HEADER = """#ifndef REGS_H
#define REGS_H
#ifdef __i386__
struct regs { long bx; };
#else
/* struct regs { this is not it; }; */
struct regs {	/* the { real ; one */
	long bx, cx;	// two ; of them
	union {
		long ip;
		int half;
	};
	struct { int low, high; } pair
		/* far ; away */ ;
	unsigned int flags;
	long slots[4]; long sp;
};
#endif
#define PADDING	8 /* bytes */
#endif
"""
NEW = (Field("pks", "unsigned long", 0, 8),)
ARCH = by_id("x86_64")


def proposal(*operations: Operation, edits: tuple[str, ...] = ("struct",)) -> Proposal:
    return Proposal("p", "t", "d", operations, edits, source="p.toml")


def unit(where: Path, header: str = HEADER, source: str = "#include <asm/regs.h>\n") -> Unit:
    (where / "include/asm").mkdir(parents=True)
    (where / "include/asm/regs.h").write_text(header)
    (where / "a.c").write_text(source)
    return Unit("a.c", "a.o", str(where), ("-Iinclude", "-c", "-o", "a.o", "a.c"), "gcc")


def overlaid(where: Path, change: Proposal, header: str = HEADER, struct: str = "regs") -> tuple[Overlay, str]:
    """The overlay and the text of the changed copy."""
    used = unit(where, header)
    layout = layout_from_source(str(where / "a.c"), struct, "x86_64", [f"-I{where}/include"])
    scratch = where / "scratch"
    made = make_overlay([used], layout, change, replace(ARCH, struct=struct, stack_padding="PADDING"), where, scratch)
    return made, (made.after / "asm/regs.h").read_text()


@pytest.mark.parametrize(
    ("operation", "line"),
    [
        (Operation("insert", NEW, at="head"), "\tunsigned long pks; long bx, cx;\t// two ; of them"),
        (Operation("insert", NEW, at="tail"), "\tlong slots[4]; long sp; unsigned long pks;"),
        (Operation("insert", NEW, before="bx"), "\tunsigned long pks; long bx, cx;\t// two ; of them"),
        (Operation("insert", NEW, after="cx"), "\tlong bx, cx; unsigned long pks;\t// two ; of them"),
        (Operation("insert", NEW, before="ip"), "\tunsigned long pks; union {"),
        (Operation("insert", NEW, after="ip"), "\t}; unsigned long pks;"),
        (Operation("insert", NEW, after="pair"), "\t\t/* far ; away */ ; unsigned long pks;"),
        (Operation("insert", NEW, before="sp"), "\tlong slots[4]; unsigned long pks; long sp;"),
        (Operation("remove", member="flags"), "\t"),
        (Operation("resize", member="flags", size=8), "\tunsigned long flags;"),
        (Operation("reorder", order=("sp", "flags")), "\tlong slots[4]; unsigned int flags;"),
        (Operation("insert", (Field("a", "int[2]", 0, 8), Field("f", "void (*)(int)", 8, 8)), at="head"),
         "\tint a[2]; void (*f)(int); long bx, cx;\t// two ; of them"),
    ],
)  # fmt: skip
def test_each_operation_on_an_existing_line(tmp_path: Path, operation: Operation, line: str) -> None:
    change = proposal(operation)
    made, text = overlaid(tmp_path, change)
    assert line in text.splitlines()
    assert text.count("\n") == HEADER.count("\n")
    assert (made.before / "asm/regs.h").read_text() == HEADER
    assert (tmp_path / "include/asm/regs.h").read_text() == HEADER
    # What libclang says of the copy is checked by make_overlay itself; here once more, from outside.
    old = layout_from_source(str(tmp_path / "a.c"), "regs", "x86_64", [f"-I{tmp_path}/include"])
    new = layout_from_source(str(tmp_path / "a.c"), "regs", "x86_64", [f"-I{made.after}"])
    wanted = apply(old, change)
    assert (new.size, [(f.name, f.offset) for f in new.fields]) == (
        wanted.size, [(f.name, f.offset) for f in wanted.fields]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "problem"),
    [
        (Operation("insert", NEW, after="bx"), "bx shares its declaration with bx, cx"),
        (Operation("insert", NEW, before="cx"), "cx shares its declaration"),
        (Operation("remove", member="bx"), "bx has no declaration of its own"),
        (Operation("remove", member="half"), "half has no declaration of its own"),
        (Operation("resize", member="slots", size=8), "no plain type of C"),
        (Operation("insert", NEW, after="gone"), "gone"),
    ],
)
def test_what_has_no_place_in_the_text_is_refused(tmp_path: Path, operation: Operation, problem: str) -> None:
    with pytest.raises(UsageError, match=r"p\.toml") as e:
        overlaid(tmp_path, proposal(operation))
    assert problem in str(e.value)


def test_a_type_that_the_header_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not compile"):
        overlaid(tmp_path, proposal(Operation("insert", (Field("x", "u64", 0, 8),), at="head")))


def test_a_layout_that_is_not_the_one_announced(tmp_path: Path) -> None:
    """The type has another size than the proposal says."""
    with pytest.raises(InputError, match="does not give the layout announced"):
        overlaid(tmp_path, proposal(Operation("insert", (Field("x", "char", 0, 8),), at="head")))


def test_members_that_a_macro_makes_are_one(tmp_path: Path) -> None:
    header = "#define BOTH long bx; long cx;\nstruct regs {\n\tBOTH\n\tlong sp;\n};\n"
    _, text = overlaid(tmp_path, proposal(Operation("insert", NEW, at="head")), header)
    assert "\tunsigned long pks; BOTH" in text.splitlines()


def test_the_padding_above_the_frame(tmp_path: Path) -> None:
    change = proposal(Operation("frame-above", bytes=16), edits=("macro:PADDING",))
    _, text = overlaid(tmp_path, change)
    assert "#define PADDING ((8) + 16) /* bytes */" in text.splitlines()


def test_a_padding_that_the_proposal_does_not_edit(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="macro:PADDING"):
        overlaid(tmp_path, proposal(Operation("frame-above", bytes=16)))


@pytest.mark.parametrize(
    "operations",
    [
        [Operation("extension", NEW, scope="entry")],
        [Operation("frame-below", bytes=8)],
        [Operation("insert", NEW, at="head"), Operation("frame-above", bytes=16)],
        [],
    ],
)
def test_what_no_header_can_show(tmp_path: Path, operations: list[Operation]) -> None:
    with pytest.raises(UsageError, match="cannot be proved"):
        overlaid(tmp_path, proposal(*operations))


def test_a_header_outside_of_the_include_path(tmp_path: Path) -> None:
    used = unit(tmp_path, source='#include "include/asm/regs.h"\n')
    used = replace(used, arguments=("-c", "a.c"))
    layout = layout_from_source(str(tmp_path / "a.c"), "regs", "x86_64")
    with pytest.raises(InputError, match="below no include directory"):
        make_overlay([used], layout, proposal(Operation("insert", NEW, at="head")), ARCH, tmp_path, tmp_path / "s")
