# SPDX-License-Identifier: GPL-2.0-only
"""The six shipped proposals, with the numbers that they stand for on x86-64."""

from __future__ import annotations

import pytest

from auditor.data import rules_dir
from auditor.layouts import proposal_schema
from auditor.layouts.effects import apply, effects
from auditor.layouts.proposals import load_all, resolve
from auditor.model import Effects

from .samples import FRED, PT_REGS, REGISTERS

HEAD = {
    "pks": 0, "r15": 8, "r14": 16, "r13": 24, "r12": 32, "bp": 40, "bx": 48, "r11": 56, "r10": 64, "r9": 72, "r8": 80,
    "ax": 88, "cx": 96, "dx": 104, "si": 112, "di": 120, "orig_ax": 128, "ip": 136, "cs": 144, "flags": 152, "sp": 160,
    "ss": 168,
}  # fmt: skip
SAME = {n: i * 8 for i, n in enumerate(REGISTERS)}
CALLEE_SAVED = ("r15", "r14", "r13", "r12", "bp", "bx")
READERS = ("irqentry_enter", "irqentry_exit", "irqentry_nmi_enter", "irqentry_nmi_exit", "exc_page_fault")


def of(pid: str) -> Effects:
    return effects(PT_REGS, resolve(pid))


def offsets(found: Effects) -> dict[str, int]:
    return {f.name: f.offset for f in found.after.fields}


def test_there_are_six() -> None:
    assert list(load_all()) == ["append-tail", "auxiliary", "extended", "fred-frame", "insert-head", "insert-middle"]


def test_file_names_are_ids() -> None:
    assert {p.stem for p in (rules_dir() / "proposals").glob("*.toml")} == set(load_all())


def test_insert_head() -> None:
    found = of("insert-head")
    assert offsets(found) == HEAD
    assert found.after.size == 176 and found.resize == 8
    assert found.shift == dict.fromkeys(REGISTERS, 8)
    assert found.new_head and not found.new_tail
    assert found.added == ("pks",) and not found.removed and not found.resized
    assert (found.frame_below, found.frame_above, found.extension) == (0, 0, 0)
    assert resolve("insert-head").edits == ("struct", "macro:PUSH_REGS", "macro:POP_REGS")


def test_insert_middle() -> None:
    found = of("insert-middle")
    moved = [n for n in REGISTERS if n not in CALLEE_SAVED]
    assert offsets(found) == SAME | {n: SAME[n] + 8 for n in moved} | {"pks": 48}
    assert found.shift == dict.fromkeys(moved, 8)
    assert len(found.shift) == 15 and found.resize == 8
    assert not found.new_head and not found.new_tail
    names = [f.name for f in found.after.fields]
    assert names[names.index("pks") - 1] == "bx" and names[names.index("pks") + 1] == "r11"


def test_append_tail() -> None:
    found = of("append-tail")
    assert offsets(found) == SAME | {"pks": 168}
    assert found.after.size == 176 and found.resize == 8
    assert not found.shift and found.new_tail and not found.new_head
    assert resolve("append-tail").edits == ("struct", "symbol:entry_SYSCALL_64")


@pytest.mark.parametrize(("pid", "scope", "below"), [("extended", "entry", 16), ("auxiliary", "call", 0)])
def test_extensions(pid: str, scope: str, below: int) -> None:
    found = of(pid)
    assert found.after.fields == PT_REGS.fields and found.after.size == 168
    assert not found.shift and not found.resize and not found.added and not found.new_head and not found.new_tail
    assert (found.extension, found.extension_scope, found.frame_below, found.frame_above) == (16, scope, below, 0)
    assert found.extension_members == ("irqentry_state", "pks")
    (operation,) = resolve(pid).operations
    assert [(m.name, m.offset, m.size) for m in operation.members] == [("irqentry_state", -16, 8), ("pks", -8, 8)]
    assert resolve(pid).readers == READERS
    assert "struct" not in resolve(pid).edits


def test_fred_frame() -> None:
    found = of("fred-frame")
    assert (found.frame_above, found.frame_below, found.extension) == (16, 0, 0)
    assert found.after.fields == PT_REGS.fields and not found.shift and not found.resize
    assert resolve("fred-frame").edits == ("macro:TOP_OF_KERNEL_STACK_PADDING",)


@pytest.mark.parametrize("pid", ["insert-head", "insert-middle", "append-tail"])
def test_the_unions_of_newer_kernels_move_as_one(pid: str) -> None:
    plain, fred = apply(PT_REGS, resolve(pid)), apply(FRED, resolve(pid))
    assert fred.size == plain.size == 176
    for union in (("cs", "csx"), ("ss", "ssx", "vector")):
        moved = [fred.get(n) for n in union]
        assert {f.offset for f in moved if f is not None} == {f.offset for f in [plain.get(union[0])] if f is not None}
    vector = fred.get("vector")
    assert vector is not None and (vector.bit_offset, vector.bit_size) == (32, 8)


def test_a_new_tail_behind_a_union() -> None:
    found = effects(FRED, resolve("append-tail"))
    assert found.new_tail and not found.shift and found.after.fields[-1].offset == 168


def test_another_architecture() -> None:
    """The middle of the struct is known for x86-64 only."""
    assert "insert-middle" not in load_all("arm64")
    assert "insert-head" in load_all("arm64")


def test_the_readme_names_every_operation_key_and_proposal() -> None:
    text = (rules_dir() / "proposals" / "README.md").read_text()
    words = {*load_all(), *proposal_schema.KEYS, *(k for keys in proposal_schema.KEYS.values() for k in keys)}
    assert {w for w in words if f"`{w}`" not in text and f"`{w} = " not in text} == set()
    assert {w for w in proposal_schema.TOP if f"{w} = " not in text and f"[[{w}]]" not in text} == set()
