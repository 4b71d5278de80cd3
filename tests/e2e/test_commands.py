# SPDX-License-Identifier: GPL-2.0-only
"""Compile commands: damaged, huge, of missing files, or written by somebody who wants something executed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.e2e.helpers import FLAGS, add_unit, audit, commands
from tests.outcome import Outcome

SOURCE = "#include <linux/ptrace.h>\nlong added(struct pt_regs *regs) { return regs->ax; }\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "empty"),
        (b'[{"file": "a.c"', "not JSON: Expecting ',' delimiter at character 16"),
        (b'[{"file": "a.c"} ', "ends at character 17, inside the list"),
        (b"{}", "not a JSON list of commands"),
        (b'["\xff"]', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "holds no compile command"),
        (b"[1]", "compile_commands.json: entry 1: not an object with a 'file'"),
        (b'[{"file": "a.c", "command": "gcc \'"}]', "entry 1: open quote at character 5"),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_damaged(text: bytes, problem: str, named: bool, tree: Path) -> None:
    path = tree / ("other.json" if named else "compile_commands.json")
    path.write_bytes(text)
    found = audit(tree, *(("--compdb", path) if named else ()))
    assert found.code == 2
    found.complains(str(path), problem.replace("compile_commands.json: entry", f"{path.name}: entry"))
    assert "(" in found.err, "no advice"


def test_two_hundred_megabytes_of_one_entry(tree: Path) -> None:
    with (tree / "compile_commands.json").open("wb") as stream:
        stream.write(b'[{"file": "')
        stream.seek(200 << 20)
        stream.write(b'"}]')
    found = audit(tree)
    assert found.code == 2
    found.complains(f"{tree}/compile_commands.json: not JSON", "a compile_commands.json was expected")


def test_a_fifo_in_their_place(tree: Path) -> None:
    (tree / "compile_commands.json").unlink()
    os.mkfifo(tree / "compile_commands.json")
    found = audit(tree)
    assert found.code == 2
    found.complains(f"{tree}/compile_commands.json: not a regular file")


def test_one_bad_entry_loses_one_entry(tree: Path, sound: Outcome) -> None:
    (tree / "compile_commands.json").write_text(json.dumps([*commands(tree), {"file": 7}]))
    found = audit(tree)
    assert (found.code, found.err) == (3, "")
    assert found.failed == {"compile_commands.json: entry 20": "not an object with a 'file'"}
    assert found.sites() == sound.sites()


@pytest.mark.parametrize("kind", ["missing", "fifo", "link", "directory"])
def test_a_command_for_what_is_no_file(kind: str, tree: Path, sound: Outcome) -> None:
    path = tree / "kernel/added.c"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("added.c")
    elif kind == "directory":
        path.mkdir()
    add_unit(tree, "kernel/added.c")
    found = audit(tree)
    why = {
        "missing": "no such file; the build may have to generate it",
        "fifo": "not a regular file",
        "link": "a symbolic link that leads nowhere",
        "directory": "not a regular file",
    }
    assert (found.code, found.err) == (3, "")
    assert found.failed == {"kernel/added.c": why[kind]}
    assert found.sites() == sound.sites()


def test_commands_of_another_tree(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "else.c").write_text(SOURCE)
    entry = {"directory": str(tmp_path), "file": "else.c", "command": "gcc -c -o else.o else.c"}
    (tree / "compile_commands.json").write_text(json.dumps([entry]))
    found = audit(tree)
    assert found.code == 2
    found.complains(f"{tree}/compile_commands.json: its commands use no file of this tree", f"below {tree}")


HOSTILE = [
    "-Xclang -load -Xclang {marker}.so",
    "-fplugin={marker}.so",
    "-fpass-plugin={marker}.so",
    "-fplugin-arg-x-y=z",
    "@{marker}.rsp",
    "-B{marker}",
    "-specs={marker}",
    "-wrapper touch,{marker}",
    "-MD -MF {marker}",
    "-save-temps={marker}",
    "-dumpdir {marker}",
    "-o {marker}",
    "-serialize-diagnostics {marker}",
    "-mllvm -load={marker}.so",
]


def test_hostile_commands_do_nothing(tree: Path, tmp_path: Path) -> None:
    """Every one of these units is analysed as if the words were not there."""
    home = tmp_path / "home"
    home.mkdir()
    marker = home / "ran"
    (home / "ran.rsp").write_text("-Dadded=renamed")
    for number, words in enumerate(HOSTILE):
        add_unit(tree, f"kernel/added{number}.c", SOURCE, f"{FLAGS} {words.format(marker=marker)}")
    before = sorted(tmp_path.rglob("*"))
    found = audit(tree)
    assert (found.code, found.failed) == (1, {})
    functions = {s["file"]: s["function"] for s in found.sites() if "/added" in s["file"]}
    assert functions == {f"kernel/added{n}.c": "added" for n in range(len(HOSTILE))}
    cache = tmp_path / "cache"
    assert [p for p in sorted(tmp_path.rglob("*")) if cache not in p.parents and p != cache] == before


def test_shell_syntax_stays_text(tree: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    touch = f"touch {marker}"
    (tree / "kernel/added.c").write_text(SOURCE)
    command = (
        f"{FLAGS} -DX='$({touch})' -DY=`{touch}` -c -o kernel/added.o kernel/added.c; {touch} | {touch} > {marker}"
    )
    entry = {"directory": ".", "file": "kernel/added.c", "output": "kernel/added.o", "command": command}
    (tree / "compile_commands.json").write_text(json.dumps([*commands(tree), entry]))
    found = audit(tree)
    assert (found.code, found.failed) == (1, {})
    assert [s["expression"] for s in found.sites() if s["file"] == "kernel/added.c"] == ["regs->ax"]
    assert not marker.exists()


def test_no_file_from_outside_is_read_before_the_source(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('#error "the secret"\n')
    add_unit(tree, "kernel/added.c", SOURCE, f"{FLAGS} -include {tmp_path}/secret -imacros {tmp_path}/secret")
    found = audit(tree)
    assert (found.code, found.failed) == (1, {})
