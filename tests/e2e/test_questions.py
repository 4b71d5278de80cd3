# SPDX-License-Identifier: GPL-2.0-only
"""What is asked: structs, architectures, proposals, the other side of a comparison, filters."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.helpers import ROOT, audit
from tests.outcome import Outcome

PROPOSAL = """\
format = 1
id = "{id}"
title = "One more"
description = "A member more."
edits = ["struct"]

[[operation]]
op = "insert"
{where}
members = [{{ name = "{name}", type = "unsigned long", size = 8 }}]
"""


def proposal(path: Path, where: str = 'at = "head"', name: str = "mine", id_: str = "mine") -> Path:
    path.write_text(PROPOSAL.format(id=id_, where=where, name=name))
    return path


def test_an_unknown_struct(tree: Path) -> None:
    found = audit(tree, "--struct", "pt_rges")
    assert found.code == 2
    found.complains("no unit names struct 'pt_rges'", "structs of this tree like it: pt_regs")


def test_a_struct_that_is_only_declared(tree: Path) -> None:
    found = audit(tree, "--struct", "perf_event", "--proposal", "insert-head")
    assert found.code == 2
    found.complains(str(tree), "struct perf_event is defined in no unit")


@pytest.mark.parametrize("name", ["", "pt regs", "pt_regs;", "é"])
def test_what_is_no_name_of_a_struct(name: str, tree: Path) -> None:
    found = audit(tree, "--struct", name)
    assert found.code == 2
    found.complains("not identifiers")


def test_an_unknown_architecture(tree: Path) -> None:
    found = audit(tree, "--arch", "z80")
    assert found.code == 2
    found.complains("unknown architecture 'z80'; known: x86_64")


def test_an_unknown_proposal(tree: Path) -> None:
    found = audit(tree, "--proposal", "insert-hed")
    assert found.code == 2
    found.complains("unknown proposal 'insert-hed'", "did you mean insert-head?", "append-tail")


@pytest.mark.parametrize(
    ("where", "name", "problem"),
    [
        ('before = "r99"', "mine", "has no member 'r99' (did you mean r9?)"),
        ('at = "head"', "r15", "already has a member 'r15'"),
        ('at = "middle"', "mine", "operation[0].at: 'middle' is not one of head, tail"),
        ("", "mine", "operation[0]: exactly one of at, before and after must say where"),
        ('at = "head', "mine", "not TOML"),
    ],
)
def test_a_proposal_that_does_not_fit(where: str, name: str, problem: str, tree: Path, tmp_path: Path) -> None:
    path = proposal(tmp_path / "p.toml", where, name)
    found = audit(tree, "--proposal", path)
    assert found.code == 2
    found.complains(str(path), problem)


def test_operations_that_overlap(tree: Path, tmp_path: Path) -> None:
    path = proposal(tmp_path / "p.toml")
    operation = path.read_text().partition("[[operation]]")[2]
    path.write_text(f"{path.read_text()}\n[[operation]]{operation}")
    found = audit(tree, "--proposal", path)
    assert found.code == 2
    found.complains(str(path), "operation insert head: overlaps insert head")


def test_two_proposals_with_one_id(tree: Path, tmp_path: Path) -> None:
    one, other = proposal(tmp_path / "one.toml"), proposal(tmp_path / "other.toml", 'at = "tail"')
    found = audit(tree, "--proposal", one, "--proposal", other)
    assert found.code == 2
    found.complains(f"{other}: id: 'mine' is also the id of {one}")


def test_a_proposal_of_ones_own(tree: Path, tmp_path: Path) -> None:
    found = audit(tree, "--proposal", proposal(tmp_path / "p.toml"), "--proposal", "append-tail")
    assert found.code == 1
    assert [p["id"] for p in found.report["proposals"]] == ["mine", "append-tail"]
    assert found.report["proposals"][0]["effects"]["shift"]["r15"] == 8


@pytest.mark.parametrize("content", ["missing", "directory", "binary"])
def test_a_proposal_that_is_no_file(content: str, tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    if content == "directory":
        path.mkdir()
    elif content == "binary":
        path.write_bytes(b"\xff\0")
    found = audit(tree, "--proposal", path)
    assert found.code == 2
    found.complains(str(path))


def test_another_struct_needs_a_proposal(tree: Path) -> None:
    found = audit(tree, "--struct", "ftrace_regs")
    assert found.code == 2
    found.complains("the shipped proposals change pt_regs", "--proposal")


def test_another_struct(tree: Path, tmp_path: Path) -> None:
    path = proposal(tmp_path / "p.toml")
    found = audit(tree, "--struct", "user_regs_struct", "--proposal", path)
    assert found.code in (0, 1)
    run = found.report["runs"][0]
    assert run["target"]["struct"] == "user_regs_struct"
    assert run["layout"]["fields"][0] == {"name": "r15", "type": "unsigned long", "offset": 0, "size": 8}
    assert found.report["proposals"][0]["effects"]["shift"]["r15"] == 8
    offsets = [s for s in found.sites() if s["rule"] == "offsetof/value"]
    assert {s["file"] for s in offsets} == {"arch/x86/kernel/ptrace.c"}
    assert {s["verdicts"]["mine"]["verdict"] for s in offsets} == {"rebuild"}


def test_a_proposal_for_another_struct(tree: Path, tmp_path: Path) -> None:
    path = proposal(tmp_path / "p.toml", 'before = "r15"')
    found = audit(tree, "--struct", "kprobe", "--proposal", path)
    assert found.code == 2
    found.complains(str(path), "kprobe on x86_64 has no member 'r15'")


# The other side


def edited(tree: Path) -> Path:
    """The struct's header with one more member in front."""
    path = tree / "arch/x86/include/asm/ptrace.h"
    path.write_text(path.read_text().replace("unsigned long r15;", "unsigned long mine;\n\tunsigned long r15;"))
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another tree, with one more member in front of the struct."""
    root = tmp_path / "other"
    subprocess.run(["cp", "-r", ROOT / "fixtures/minikernel", root], check=True)
    edited(root)
    return root


@pytest.mark.parametrize("side", ["header", "tree", "btf"])
def test_the_other_side(side: str, tree: Path, other: Path, tmp_path: Path) -> None:
    path = other if side == "tree" else other / "arch/x86/include/asm/ptrace.h"
    if side == "btf":
        path = tmp_path / "object.o"
        members = "mine,r15,r14,r13,r12,bp,bx,r11,r10,r9,r8,ax,cx,dx,si,di,orig_ax,ip,cs,flags,sp,ss"
        text = f"struct pt_regs {{ unsigned long {members}; }} x;"
        subprocess.run(["gcc", "-g", "-c", "-x", "c", "-", "-o", path], input=text, text=True, check=True)
    found = audit(tree, f"--after-{side}", path)
    assert (found.code, found.err) == (1, "")
    (judged,) = found.report["proposals"]
    assert judged["id"] == f"after-{side}"
    assert judged["effects"]["shift"]["r15"] == judged["effects"]["shift"]["ss"] == judged["effects"]["resize"] == 8
    assert any(s["verdicts"][f"after-{side}"]["verdict"] == "break" for s in found.sites())


def test_the_same_tree_as_the_other_side_changes_nothing(tree: Path) -> None:
    found = audit(tree, "--after-tree", tree, "--fail-on", "rebuild")
    assert found.code == 0
    assert {s["verdicts"]["after-tree"]["verdict"] for s in found.sites()} == {"safe"}


def test_a_header_with_an_error(tree: Path, other: Path) -> None:
    path = other / "arch/x86/include/asm/ptrace.h"
    path.write_text(path.read_text() + "\nint x = ;\n")
    line = path.read_text().count("\n")
    for option, value in (("--after-header", path), ("--after-tree", other)):
        found = audit(tree, option, value)
        assert found.code == 2
        found.complains(f"{path}:{line}: expected expression", "parsed with the flags of ")


@pytest.mark.parametrize(
    ("option", "path", "problem"),
    [
        ("--after-header", "/dev/zero", "/dev/zero: is not a regular file"),
        ("--after-header", "{tree}/include/linux/types.h", "no complete definition of struct pt_regs"),
        ("--after-header", "/proc/self/exe", "is not C"),
        ("--after-btf", "/dev/zero", "/dev/zero: is not a regular file"),
        ("--after-btf", "{tree}/arch/x86/include/asm/ptrace.h", "is neither ELF nor BTF"),
        ("--after-btf", "{tree}/empty", "is neither ELF nor BTF"),
        ("--after-btf", "{tree}/short", "damaged"),
        ("--after-btf", "{tree}/gone", "does not exist"),
        ("--after-tree", "{tree}/kernel", "not a kernel tree: no Makefile"),
    ],
)
def test_another_side_that_cannot_be_used(option: str, path: str, problem: str, tree: Path) -> None:
    (tree / "empty").touch()
    (tree / "short").write_bytes(b"\x7fELF\2\1\1")
    found = audit(tree, option, path.format(tree=tree))
    assert found.code == 2
    found.complains(path.format(tree=tree), problem)


def test_two_other_sides(tree: Path) -> None:
    found = audit(tree, "--after-tree", tree, "--after-header", tree / "Makefile")
    assert found.code == 2
    found.complains("--after-header and --after-tree exclude each other")


# Filters


@pytest.mark.parametrize(
    ("options", "code", "shown", "hidden"),
    [
        (["--path", "arch/x86/mm/*"], 1, "arch/x86/mm/fault.c:", "arch/x86/kernel/process.c:"),
        (["--path", "arch/x86/mm", "--kind", "order"], 1, "order/constant-index", "raw-offset/past-end"),
        (["--kind", "assert"], 0, "", "raw-offset/past-end"),
        (["--kind", "assert", "--fail-on", "build-fails"], 1, "assert/build", "raw-offset/past-end"),
        (["--verdict", "abi"], 0, "", "order/index"),
        (["--verdict", "abi", "--fail-on", "abi"], 1, "abi", "order/index"),
        (["--path", "nowhere"], 0, "", "order/index"),
    ],
)
def test_filters(options: list[str], code: int, shown: str, hidden: str, tree: Path, sound: Outcome) -> None:
    found = audit(tree, *options)
    listed = found.out.partition("\nSites: ")[2].partition("\nNot looked at")[0]
    assert (found.code, found.err) == (code, "")
    assert shown in listed
    assert hidden not in listed
    assert found.sites() == sound.sites()
    assert found.report["runs"][0]["target"]["filters"]
