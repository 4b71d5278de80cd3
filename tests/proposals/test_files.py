# SPDX-License-Identifier: GPL-2.0-only
"""Proposals of users: what is accepted, and that each slip is an error that names file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.errors import AuditorError, InputError, UsageError
from auditor.layouts.effects import apply, effects
from auditor.layouts.proposals import load, load_directory, resolve, resolve_all

from .samples import FRED, PT_REGS

HEAD = 'format = 1\nid = "mine"\ntitle = "Mine"\ndescription = "What it does."\n'
PKS = 'members = [{ name = "pks", type = "unsigned long", size = 8 }]\n'
INTO = HEAD + '[[operation]]\nop = "insert"\nat = "head"\n'
APPEND = '[[operation]]\nop = "append"\n'
TWO = 'members = [{ name = "two", type = "unsigned long", size = 8 }]\n'
OP = '[[operation]]\nop = "insert"\n'


def write(tmp_path: Path, text: str, name: str = "mine.toml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_all_operations_together(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEAD
        + 'edits = ["struct", "macro:PUSH_REGS", "symbol:entry", "calls:C"]\nreaders = ["f"]\nreferences = ["a mail"]\n'
        + OP + 'at = "head"\n' + PKS
        + OP + 'before = "ip"\nmembers = ['
        + '{ name = "a", type = "u32[2]", size = 8 }, { name = "b", type = "u8", size = 1 }]\n'
        + '[[operation]]\nop = "append"\nmembers = [{ name = "z", type = "u32", size = 4 }]\n'
        + '[[operation]]\nop = "remove"\nmember = "r14"\n'
        + '[[operation]]\nop = "resize"\nmember = "cs"\nsize = 4\n'
        + '[[operation]]\nop = "reorder"\norder = ["ss", "sp"]\n'
        + '[[operation]]\nop = "wrap"\nscope = "call"\nmembers = [{ name = "w", type = "u64", size = 8 }]\n'
        + '[[operation]]\nop = "frame-below"\nbytes = 24\n'
        + '[[operation]]\nop = "frame-above"\nbytes = 16\n',
    )  # fmt: skip
    found = effects(PT_REGS, resolve(str(path)))
    at = {f.name: f.offset for f in found.after.fields}
    assert (at["pks"], at["r15"], at["r13"], at["orig_ax"], at["a"], at["b"], at["ip"]) == (
        0,
        8,
        16,
        120,
        128,
        136,
        144,
    )
    assert (at["cs"], at["flags"], at["ss"], at["sp"], at["z"], found.after.size) == (152, 160, 168, 176, 184, 192)
    assert found.removed == ("r14",) and found.resized == ("cs",) and set(found.added) == {"pks", "a", "b", "z"}
    assert (found.frame_below, found.frame_above, found.extension, found.extension_scope) == (24, 16, 8, "call")
    assert found.new_head and found.new_tail
    assert found.shift["ss"] == 8 and found.shift["sp"] == 24
    proposal = resolve(str(path))
    assert (proposal.readers, proposal.references, proposal.source) == (("f",), ("a mail",), str(path))


BAD = {
    "unknown key": (HEAD + 'colour = "red"\n' + OP + 'at = "head"\n' + PKS, ("colour", "unknown key")),
    "misspelt key": (HEAD + 'readrs = []\n' + OP + 'at = "head"\n' + PKS, ("readrs", "did you mean readers?")),
    "no operation": (HEAD, ("operation", "at least one")),
    "operation no table": (HEAD + "operation = [1]\n", ("operation[0]", "must be a table")),
    "unknown op": (HEAD + '[[operation]]\nop = "insret"\n', ("operation[0].op", "did you mean insert?")),
    "missing op": (HEAD + "[[operation]]\n" + PKS, ("operation[0].op", "is missing")),
    "foreign key": (HEAD + OP + 'at = "head"\nbytes = 8\n' + PKS, ("operation[0].bytes", "unknown key")),
    "no place": (HEAD + OP + PKS, ("operation[0]", "exactly one of at, before and after")),
    "two places": (HEAD + OP + 'at = "head"\nafter = "bx"\n' + PKS, ("exactly one", "at, after")),
    "bad end": (HEAD + OP + 'at = "haed"\n' + PKS, ("operation[0].at", "did you mean head?")),
    "no members": (HEAD + OP + 'at = "head"\n', ("operation[0].members",)),
    "empty members": (INTO + 'members = []\n', ("operation[0].members",)),
    "member key": (
        INTO + 'members = [{ name = "a", type = "u8", size = 1, offset = 3 }]\n',
        ("operation[0].members[0].offset", "unknown key"),
    ),
    "no identifier": (
        INTO + 'members = [{ name = "a b", type = "u8", size = 1 }]\n',
        ("members[0].name", "not a C identifier"),
    ),
    "twice in one": (
        INTO + 'members = [{ name = "a", type = "u8", size = 1 }, { name = "a", type = "u8", size = 1 }]\n',
        ("members[1].name", "twice"),
    ),
    "size 3": (INTO + 'members = [{ name = "a", type = "u8", size = 3 }]\n', ("size", "power of two")),
    "size 0": (INTO + 'members = [{ name = "a", type = "u8", size = 0 }]\n', ("members[0].size",)),
    "size true": (INTO + 'members = [{ name = "a", type = "u8", size = true }]\n', ("members[0].size",)),
    "array": (INTO + 'members = [{ name = "a", type = "u8[3]", size = 4 }]\n', ("power of two",)),
    "array of none": (INTO + 'members = [{ name = "a", type = "u8[0]", size = 4 }]\n', ("power of two",)),
    "resize to 6": (HEAD + '[[operation]]\nop = "resize"\nmember = "bx"\nsize = 6\n', ("operation[0].size",)),
    "scope": (HEAD + '[[operation]]\nop = "extension"\nscope = "entyr"\n' + PKS, ("scope", "did you mean entry?")),
    "frame of 3": (HEAD + '[[operation]]\nop = "frame-above"\nbytes = 3\n', ("operation[0].bytes", "multiple of 4")),
    "negative frame": (HEAD + '[[operation]]\nop = "frame-above"\nbytes = -16\n', ("operation[0].bytes",)),
    "order of one": (HEAD + '[[operation]]\nop = "reorder"\norder = ["bx"]\n', ("operation[0].order", "at least two")),
    "order twice": (HEAD + '[[operation]]\nop = "reorder"\norder = ["bx", "bx"]\n', ("operation[0].order", "twice")),
    "edits text": (HEAD + 'edits = "struct"\n' + OP + 'at = "head"\n' + PKS, ("edits", "list")),
    "edits kind": (HEAD + 'edits = ["path:x.c"]\n' + OP + 'at = "head"\n' + PKS, ("edits", "path:x.c")),
    "edits name": (HEAD + 'edits = ["macro:a/b"]\n' + OP + 'at = "head"\n' + PKS, ("edits", "macro:a/b")),
    "id": (INTO.replace("mine", "Mine!") + PKS, ("id", "lower-case")),
    "no title": ('format = 1\nid = "mine"\ndescription = "d"\n' + OP + 'at = "head"\n' + PKS, ("title", "is missing")),
    "arch": (HEAD + OP + 'at = "head"\narch = 3\n' + PKS, ("operation[0].arch",)),
    "format": ('format = 2\nid = "mine"\n', ("format = 2",)),
    "no toml": ("id = ", ("not TOML",)),
    "same place": (INTO + PKS + OP + 'at = "head"\n' + TWO, ("overlaps", "head")),
    "same name": (INTO + PKS + OP + 'at = "tail"\n' + PKS, ("overlaps", "pks")),
    "append and tail": (HEAD + OP + 'at = "tail"\n' + PKS + APPEND + TWO, ("overlaps", "tail")),
    "removed neighbour": (
        HEAD + OP + 'before = "bx"\n' + PKS + '[[operation]]\nop = "remove"\nmember = "bx"\n',
        ("neighbour 'bx' is removed",),
    ),
    "moved neighbour": (
        HEAD + OP + 'after = "bx"\n' + PKS + '[[operation]]\nop = "reorder"\norder = ["bx", "bp"]\n',
        ("neighbour 'bx' is moved",),
    ),
    "resized and removed": (
        HEAD + '[[operation]]\nop = "resize"\nmember = "bx"\nsize = 4\n[[operation]]\nop = "remove"\nmember = "bx"\n',
        ("overlaps", "bx"),
    ),
    "two extensions": (
        HEAD + '[[operation]]\nop = "extension"\nscope = "call"\n' + PKS
        + '[[operation]]\nop = "wrap"\nscope = "entry"\n' + TWO,
        ("overlaps", "extension"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", BAD)
def test_a_slip_names_file_and_key(tmp_path: Path, slip: str) -> None:
    text, words = BAD[slip]
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.path == str(path)
    for word in words:
        assert word in str(caught.value)


MISFIT = {
    "unknown member": (OP + 'after = "bxx"\n' + PKS, ("no member 'bxx'", "did you mean bx?", "after = 'bxx'")),
    "removed unknown": ('[[operation]]\nop = "remove"\nmember = "r16"\n', ("remove", "no member 'r16'")),
    "reordered unknown": ('[[operation]]\nop = "reorder"\norder = ["bx", "eip"]\n', ("no member 'eip'",)),
    "name taken": (OP + 'at = "head"\nmembers = [{ name = "ip", type = "u64", size = 8 }]\n', ("already has", "'ip'")),
    "one place twice": (OP + 'after = "bx"\n' + PKS + OP + 'before = "r11"\n' + TWO, ("same place", "after = 'bx'")),
    "head is before": (OP + 'at = "head"\n' + PKS + OP + 'before = "r15"\n' + TWO, ("same place",)),
    "tail is after": (OP + 'at = "tail"\n' + PKS + OP + 'after = "ss"\n' + TWO, ("same place",)),
}


@pytest.mark.parametrize("slip", MISFIT)
def test_what_does_not_fit_the_struct(tmp_path: Path, slip: str) -> None:
    text, words = MISFIT[slip]
    path = write(tmp_path, HEAD + text)
    with pytest.raises(UsageError) as caught:
        apply(PT_REGS, load(path))
    for word in (str(path), *words):
        assert word in str(caught.value)


def test_what_does_not_fit_a_union(tmp_path: Path) -> None:
    for text, word in (
        ('[[operation]]\nop = "reorder"\norder = ["ss", "ssx"]\n', "alternatives of one union"),
        ('[[operation]]\nop = "resize"\nmember = "vector"\nsize = 4\n', "bit-field"),
    ):
        with pytest.raises(UsageError, match=word):
            apply(FRED, load(write(tmp_path, HEAD + text)))


def test_removing_alternatives_of_a_union(tmp_path: Path) -> None:
    one = apply(FRED, load(write(tmp_path, HEAD + '[[operation]]\nop = "remove"\nmember = "csx"\n')))
    found = {f.name: f.offset for f in one.fields}
    assert (found["cs"], found["flags"], one.size) == (136, 144, 168)


def test_ids_and_paths(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean insert-head") as caught:
        resolve("insert-haed")
    assert "append-tail, auxiliary, extended, fred-frame, insert-head, insert-middle" in str(caught.value)
    with pytest.raises(InputError, match="No such file"):
        resolve(str(tmp_path / "none.toml"))
    with pytest.raises(UsageError, match="no operation for arm64"):
        resolve("insert-middle", "arm64")


def test_one_id_twice(tmp_path: Path) -> None:
    text = HEAD + OP + 'at = "head"\n' + PKS
    one, two = write(tmp_path, text, "a.toml"), write(tmp_path, text, "b.toml")
    for attempt in (lambda: load_directory(tmp_path), lambda: resolve_all([str(one), str(two)])):
        with pytest.raises(InputError, match="'mine' is also the id of") as caught:
            attempt()
        assert caught.value.path == str(two)
    shadow = write(tmp_path, text.replace("mine", "insert-head"), "c.toml")
    with pytest.raises(AuditorError, match="insert-head"):
        resolve_all(["insert-head", str(shadow)])
    assert [p.id for p in resolve_all(["insert-head", str(one), "insert-head"])] == ["insert-head", "mine"]


def test_operations_for_other_architectures_are_left_out(tmp_path: Path) -> None:
    text = HEAD + OP + 'after = "bx"\narch = "x86_64"\n' + PKS + OP + 'after = "pc"\narch = ["arm64", "riscv"]\n' + PKS
    path = write(tmp_path, text)
    assert [op.after for op in load(path).operations] == ["bx"]
    assert [op.after for op in load(path, "riscv").operations] == ["pc"]
    assert load(path, "s390").operations == ()
