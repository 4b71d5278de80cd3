# SPDX-License-Identifier: GPL-2.0-only
"""What is kept is the answer to one question, and only of files that were seen as they were."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from auditor.evidence.pool import analyse_all
from tests.e2e.asking import HEADER, MORE, SOURCE, Asking, edit, edited
from tests.e2e.helpers import FLAGS, add_unit, spawn


def test_the_environment(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    asking.again()
    monkeypatch.setenv("CPATH", str(asking.tree / "lib"))
    asking.again()
    assert asking.collected and asking.parsed


def test_other_code(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    asking.again()
    monkeypatch.setattr("auditor.facts.store.code_version", lambda: "other")
    asking.again()
    assert asking.collected and asking.parsed


def test_another_struct(asking: Asking) -> None:
    header = asking.tree.parent / "after.h"
    header.write_text("struct task_struct { int more; };\n")
    asking.again()
    other = asking.again("--struct", "task_struct", "--after-header", header)
    assert asking.collected
    assert other == asking.anew("--struct", "task_struct", "--after-header", header)
    asking.again("--struct", "task_struct", "--after-header", header)
    assert not asking.collected


@pytest.mark.parametrize(
    "options",
    [("--kind", "field"), ("--path", "fs"), ("--verdict", "break"), ("--proposal", "append-tail"), ("--jobs", "1")],
)
def test_what_facts_do_not_depend_on(asking: Asking, options: tuple[str, str]) -> None:
    asking.again()
    second = asking.again(*options)
    assert not asking.collected
    assert second == asking.anew(*options)


def test_after_a_header(asking: Asking) -> None:
    header = asking.tree.parent / "after.h"
    header.write_text((asking.tree / HEADER).read_text().replace("unsigned long r15;", "unsigned long r15, r16;", 1))
    first = asking.again("--after-header", header)
    assert asking.again("--after-header", header) == first == asking.anew("--after-header", header)


def test_the_tree_by_another_name(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    asking.again()
    link = asking.tree.parent / "link"
    link.symlink_to(asking.tree)
    second = asking.again(tree=link)
    assert not asking.collected
    assert json.loads(second)["runs"][0]["target"]["tree"] == str(link)
    assert second == asking.anew(tree=link)
    # The same link to another tree is another question.
    other = Path(shutil.copytree(asking.tree, asking.tree.parent / "other", symlinks=True))
    edited(other)
    link.unlink()
    link.symlink_to(other)
    assert asking.again(tree=link) == asking.anew(tree=link)


def test_a_build_inside_the_tree(asking: Asking) -> None:
    build = asking.tree / "b"
    build.mkdir()
    for name in ("compile_commands.json", ".config"):
        (asking.tree / name).rename(build / name)
    edit(build / "compile_commands.json", '"directory": "."', '"directory": ".."')
    found = json.loads((build / "compile_commands.json").read_text())
    (build / "compile_commands.json").write_text(json.dumps([c | {"directory": ".."} for c in found]))
    first = asking.again("--build", build)
    assert asking.again("--build", build) == first == asking.anew("--build", build)
    (build / "made.h").write_text("struct pt_regs;\n")
    asking.again("--build", build)
    assert asking.collected


def test_files_outside(asking: Asking) -> None:
    """A unit whose source, and a directory of whose headers, lie neither in the tree nor in the build."""
    outside = asking.tree.parent / "outside"
    (outside / "include/sub").mkdir(parents=True)
    (outside / "include/sub/late.h").write_text("#define LATE 0\n")
    text = f'#include <asm/ptrace.h>\n#include <sub/late.h>\n#include "own.h"\n{MORE}int late = LATE;\n'
    (outside / "own.h").write_text("\n")
    add_unit(asking.tree, str(outside / "m.c"), text, f"{FLAGS} -I{outside}/first -I{outside}/include")
    first = asking.again()
    assert asking.again() == first and not asking.collected
    (outside / "first/sub").mkdir(parents=True)
    (outside / "first/sub/late.h").write_text(f"#define LATE 1\n{MORE.replace('one', 'late')}")
    assert asking.again() == asking.anew() != first
    assert asking.again() and not asking.collected
    (outside / "own.h").write_text(MORE.replace("one", "own"))
    third = asking.again()
    assert b"own_more" in third and third == asking.anew()
    (outside / "m.c").write_text(text + MORE.replace("one", "last"))
    assert b"last_more" in asking.again()


def test_what_another_text_declares(asking: Asking) -> None:
    """Of two texts that no unit reads, one says whether the other reaches the struct."""
    holder = asking.tree / "lib/holder.h"
    holder.write_text("struct holder {\n\tstruct other *regs;\n};\n")
    user = "/* pt_regs */\nlong held(struct holder *h)\n{\n\treturn h->regs->ip;\n}\n"
    (asking.tree / "lib/user.c").write_text(user)
    assert b"lib/user.c" not in asking.again()
    edit(holder, "other", "pt_regs")
    second = asking.again()
    assert b"lib/user.c" in second
    assert second == asking.anew()


def test_a_directory_outside_by_a_link(asking: Asking) -> None:
    """What comes and goes there is not seen: the audit is not answered from the store, but is right."""
    shutil.copytree(asking.tree / "include", asking.tree.parent / "include")
    (asking.tree / "far").symlink_to(asking.tree.parent / "include")
    asking.again()
    second = asking.again()
    assert asking.collected and not asking.parsed
    assert second == asking.anew()


@pytest.mark.parametrize("file", [SOURCE, HEADER, "lib/decoys.c"])
def test_a_file_that_changes_during_the_audit(asking: Asking, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(*arguments: Any) -> Any:
        yield from analyse_all(*arguments)
        with (asking.tree / file).open("a") as stream:
            stream.write("struct pt_regs;\n" if file.endswith(".h") else MORE)

    monkeypatch.setattr("auditor.collect.analyse_all", meanwhile)
    asking.again()
    monkeypatch.setattr("auditor.collect.analyse_all", analyse_all)
    assert asking.again() == asking.anew()


def test_a_clock_that_was_wrong(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files from the future, as the clock has it, could change without a later time."""
    behind = time.time() - 3600
    monkeypatch.setattr("auditor.facts.store.time.time", lambda: behind)
    first = asking.again()
    assert asking.again() == first
    assert asking.collected


def test_a_file_that_cannot_be_read(asking: Asking) -> None:
    """Modes change the answer, though not the text."""
    path = asking.tree / "lib/decoys.c"
    kept = asking.tree.parent / "kept"

    def ask() -> str:
        time.sleep(0.05)
        out, err = spawn("audit", asking.tree, "--cache", kept, "--exit-zero", "--format", "json").communicate()
        assert err == ""
        return str(out)

    first = ask()
    path.chmod(0)
    second = ask()
    assert "Permission denied" in second and "Permission denied" not in first
    assert ask() == second
    path.chmod(0o644)
    assert ask() == first


@pytest.mark.parametrize("table", ["run", "snapshot", "lent", "text", "unit", "reading"])
def test_damaged_rows(asking: Asking, table: str) -> None:
    first = asking.again()
    for damage in (b"", b"\x78\x9c no", None):
        database = sqlite3.connect(asking.tree.parent / "kept/facts.sqlite")
        columns = [row[1:3] for row in database.execute(f"PRAGMA table_info({table})")]
        blobs = [name for name, kind in columns if kind == "BLOB" and name not in ("key", "reading", "directory")]
        for name in blobs:
            value = f"substr({name}, 1, length({name}) - 1)" if damage is None else "?"
            database.execute(f"UPDATE {table} SET {name} = {value}", () if damage is None else (damage,))
        database.commit()
        database.close()
        (asking.tree / "lib/more.txt").write_text(f"struct pt_regs; {damage!r}\n")
        second = asking.again()
        assert second == asking.anew()
        (asking.tree / "lib/more.txt").unlink()
        assert asking.again() == first
