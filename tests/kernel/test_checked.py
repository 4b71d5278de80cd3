# SPDX-License-Identifier: GPL-2.0-only
"""The unit that Kbuild hands to a checker, by the paths that it uses for each kind of build."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor import arch as archs
from auditor.cli.check import check_command, split
from auditor.errors import InputError, UsageError
from auditor.kernel.checked import Checked, architecture, checked

ARCH = archs.by_id("x86_64")
FLAGS = ("-Wp,-MMD,kernel/.a.o.d", "-nostdinc", "-D__KERNEL__", "-include", "x.c")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "linux"
    for name in ("include/linux", "arch/x86", "kernel", "build/kernel"):
        (root / name).mkdir(parents=True)
    (root / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 1\n")
    for name in ("Kconfig", "kernel/a.c", "build/kernel/made.c", "x.c"):
        (root / name).write_text("")
    return root


def one(words: tuple[str, ...], directory: Path, **env: str) -> Checked:
    return checked(words, directory, env, ARCH)


def test_a_build_in_the_tree(tree: Path) -> None:
    found = one((*FLAGS, "kernel/a.c"), tree, srctree=".")
    assert (found.unit.source, found.unit.object, found.before) == ("kernel/a.c", "kernel/a.o", "")
    assert found.unit.directory == str(tree)


def test_a_build_below_the_tree(tree: Path) -> None:
    found = one((*FLAGS, "../kernel/a.c"), tree / "build", srctree="..")
    assert (found.unit.source, found.unit.object, found.before) == ("kernel/a.c", "kernel/a.o", "../")


def test_a_build_elsewhere(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "o").mkdir()
    found = one((*FLAGS, f"{tree}/kernel/a.c"), tmp_path / "o", srctree=str(tree))
    assert (found.unit.source, found.unit.object, found.before) == ("kernel/a.c", "kernel/a.o", f"{tree}/")


def test_a_module_outside_of_the_tree(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "module").mkdir()
    (tmp_path / "module/m.c").write_text("")
    found = one((f"-Wp,-MMD,{tmp_path}/module/.m.o.d", "-D__KERNEL__", f"{tmp_path}/module/m.c"), tree, srctree=".")
    assert (found.unit.source, found.before) == (f"{tmp_path}/module/m.c", "")


def test_a_generated_source_and_no_dependencies(tree: Path) -> None:
    found = one(("-D__KERNEL__", "kernel/made.c"), tree / "build", srctree="..")
    assert found.unit.object == "kernel/made.o"


def test_by_hand_the_tree_is_found_around_the_source(tree: Path) -> None:
    assert one((*FLAGS, "a.c"), tree / "kernel").tree.root == tree


def test_another_abi(tree: Path) -> None:
    assert one((*FLAGS, "-m16", "kernel/a.c"), tree, srctree=".").other_abi
    assert not one((*FLAGS, "-m64", "kernel/a.c"), tree, srctree=".").other_abi
    # A whole kernel of it is not passed over in silence.
    (tree / ".config").write_text("CONFIG_X86_32=y\n")
    with pytest.raises(InputError, match="CONFIG_X86_64 is not set"):
        one((*FLAGS, "-m32", "kernel/a.c"), tree, srctree=".")


@pytest.mark.parametrize(
    ("words", "env", "problem"),
    [
        ((), {}, "no source to check"),
        (("-D__KERNEL__",), {}, "no source to check"),
        (("nowhere.c",), {}, "nowhere.c: no such file"),
        (("kernel/a.c",), {"srctree": "kernel"}, "not a kernel tree"),
        (("-DX=\0", "kernel/a.c"), {"srctree": "."}, "contains NUL"),
        (("-E", "kernel/a.c"), {"srctree": "."}, "cannot be compiled with these flags"),
    ],
)
def test_what_is_no_call_of_kbuild(words: tuple[str, ...], env: dict[str, str], problem: str, tree: Path) -> None:
    with pytest.raises((InputError, UsageError), match=problem):
        one(words, tree, **env)


def test_outside_of_every_tree(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("")
    with pytest.raises(InputError, match="lies in no kernel tree"):
        one(("a.c",), tmp_path)


def test_the_architecture_is_the_builds() -> None:
    assert architecture({"SRCARCH": "x86"}) == architecture({}) == ARCH
    with pytest.raises(UsageError, match="SRCARCH=arm64: no such architecture is known, only x86"):
        architecture({"SRCARCH": "arm64"})


def test_own_options_stand_anywhere() -> None:
    words = ["--werror", "-D", "--werror", "--arch=x86", "-I.", "--proposal", "p", "--fail-on=abi", "-Wp,-h", "a.c"]
    own, others = split(words, check_command.params)
    assert own == ["--werror", "--proposal", "p", "--fail-on=abi"]
    assert others == ["-D", "--werror", "--arch=x86", "-I.", "-Wp,-h", "a.c"]
    assert split(["a.c", "--proposal"], check_command.params) == (["--proposal"], ["a.c"])
