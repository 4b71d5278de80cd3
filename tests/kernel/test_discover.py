# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import InputError
from auditor.kernel.compdb import write_compdb
from auditor.kernel.discover import SAVED, discover
from auditor.kernel.recorded import Recorded
from auditor.kernel.tree import Build, Tree
from auditor.kernel.units import collect, source_path
from auditor.model import Failure

Entry = Callable[..., dict[str, Any]]
WriteJson = Callable[..., Path]


def cmd(build: Build, source: Path, obj: str, *flags: str) -> None:
    path = build.directory / obj
    path.parent.mkdir(parents=True, exist_ok=True)
    words = " ".join(["gcc", *(flags or ["-D__KERNEL__"]), "-c", "-o", obj, str(source)])
    path.with_name(f".{path.name}.cmd").write_text(f"savedcmd_{obj} := {words}\n")


def command(build: Build, source: Path | str, obj: str, *flags: str) -> Recorded:
    return Recorded(
        str(build.directory), "gcc", (*flags, "-D__KERNEL__", "-c", "-o", obj, str(source)), str(source), obj
    )


def test_units_are_sorted_by_object_with_relative_paths(tree: Tree, build: Build) -> None:
    found = [
        command(build, tree.root / "kernel/fork.c", "kernel/fork.o"),
        command(build, tree.root / "arch/x86/kernel/entry.S", "arch/x86/kernel/entry.o"),
        command(build, "../linux/arch/x86/kernel/ptrace.c", f"{build.directory}/arch/x86/kernel/ptrace.o"),
        command(build, "source/kernel/fork.c", "again/fork.o"),
    ]
    commands = collect(found, tree, "test")
    assert [(u.object, u.source) for u in commands.units] == [
        ("again/fork.o", "kernel/fork.c"),
        ("arch/x86/kernel/ptrace.o", "arch/x86/kernel/ptrace.c"),
        ("kernel/fork.o", "kernel/fork.c"),
    ]
    assert [u.source for u in commands.assembly_units] == ["arch/x86/kernel/entry.S"]
    assert commands.failures == ()
    assert all(source_path(u).samefile(tree.root / u.source) for u in commands.units)


def test_generated_source_is_named_as_recorded(tree: Tree, build: Build) -> None:
    (build.directory / "gen.c").write_text("int gen;\n")
    commands = collect([command(build, "gen.c", "gen.o"), command(build, "none.c", "none.o")], tree, "test")
    assert [u.source for u in commands.units] == ["gen.c"]
    assert source_path(commands.units[0]) == build.directory / "gen.c"
    assert commands.failures == (Failure("none.c", "no such file; the build may have to generate it", "none.o"),)


def test_later_command_for_an_object_wins(tree: Tree, build: Build) -> None:
    source = tree.root / "kernel/fork.c"
    commands = collect([command(build, source, "f.o", "-DA"), command(build, source, "./f.o", "-DB")], tree, "test")
    assert [u.arguments[0] for u in commands.units] == ["-DB"]


def test_host_programs_are_left_out_where_kbuild_marks_the_kernel(tree: Tree, build: Build) -> None:
    source = tree.root / "kernel/fork.c"
    host = Recorded(str(build.directory), "gcc", ("-c", "-o", "h.o", str(source)), str(source), "h.o")
    tool = command(build, source, "tools/t.o")
    both = collect([host, tool, command(build, source, "k.o")], tree, "test")
    assert [u.object for u in both.units] == ["k.o"]
    assert [u.object for u in collect([host], tree, "test").units] == ["h.o"]


def test_order_of_origins(tree: Tree, build: Build, entry: Entry, write_json: WriteJson, tmp_path: Path) -> None:
    source = tree.root / "kernel/fork.c"
    cmd(build, source, "kernel/cmd.o")
    assert [u.object for u in discover(tree, build).units] == ["kernel/cmd.o"]
    assert discover(tree, build).origin == ".cmd files of an unfinished build (no vmlinux)"
    (build.directory / "vmlinux").touch()
    assert discover(tree, build).origin == ".cmd files"
    write_compdb(build.directory / SAVED, [command(build, source, "kernel/saved.o")])
    assert [u.object for u in discover(tree, build).units] == ["kernel/saved.o"]
    write_json([entry(arguments=["gcc", "-D__KERNEL__", "-c", "-o", "kernel/json.o", str(source)])])
    assert [u.object for u in discover(tree, build).units] == ["kernel/json.o"]
    named = write_json([entry()], "named.json")
    assert [u.object for u in discover(tree, build, named).units] == ["kernel/fork.o"]
    assert [u.object for u in discover(tree, None, named).units] == ["kernel/fork.o"]
    assert discover(tree, build, named).origin == str(named)


def test_assembly_of_the_cmd_files_joins_a_database_without_any(
    tree: Tree, build: Build, entry: Entry, write_json: WriteJson
) -> None:
    write_json([entry()])
    cmd(build, tree.root / "kernel/fork.c", "other/fork.o")
    cmd(build, tree.root / "arch/x86/kernel/entry.S", "arch/x86/kernel/entry.o")
    found = discover(tree, build)
    assert [u.object for u in found.units] == ["kernel/fork.o"]
    assert [u.object for u in found.assembly_units] == ["arch/x86/kernel/entry.o"]
    assert found.origin == "compile_commands.json, .cmd files"


def test_none_has_a_hint(tree: Tree, build: Build) -> None:
    with pytest.raises(InputError, match="ptregs-audit prepare"):
        discover(tree)
    with pytest.raises(InputError, match="ptregs-audit prepare"):
        discover(tree, build)
    cmd(build, tree.root / "kernel/fork.c", "scripts/mod/empty.o")
    with pytest.raises(InputError, match="nothing is compiled"):
        discover(tree, build)


def test_empty_database_and_database_of_another_tree(
    tree: Tree, build: Build, entry: Entry, write_json: WriteJson, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="holds no compile command"):
        discover(tree, build, write_json([], "empty.json"))
    (tmp_path / "x.c").write_text("int x;\n")
    foreign = entry(arguments=["gcc", "-c", str(tmp_path / "x.c")])
    with pytest.raises(InputError, match="use no file of this tree"):
        discover(tree, build, write_json([foreign], "foreign.json"))
    module = entry(arguments=["gcc", "-D__KERNEL__", f"-I{tree.root}/include", "-c", str(tmp_path / "x.c")])
    assert [u.source for u in discover(tree, build, write_json([module], "m.json")).units] == [str(tmp_path / "x.c")]


def test_missing_source_is_a_failure_of_that_unit_only(
    tree: Tree, build: Build, entry: Entry, write_json: WriteJson
) -> None:
    found = discover(tree, build, write_json([entry("kernel/gone.c"), entry()], "c.json"))
    assert [u.source for u in found.units] == ["kernel/fork.c"]
    assert found.failures == (Failure("kernel/gone.c", "no such file", "kernel/gone.o"),)
