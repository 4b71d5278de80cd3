# SPDX-License-Identifier: GPL-2.0-only
"""An audit that finds nothing changed answers from what is kept; else it answers as if nothing were kept."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.collect import collect
from auditor.evidence.pool import analyse_all
from auditor.kernel.lent import lend
from tests.e2e.helpers import FLAGS, add_unit, audit, commands, spawn

HEADER = "arch/x86/include/asm/ptrace.h"
SOURCE = "fs/coredump.c"


@dataclass
class Asking:
    """Audits of one tree with one store."""

    tree: Path
    collected: list[int]
    parsed: list[str]
    closed: list[int]

    def again(self, *arguments: object, tree: Path | None = None) -> bytes:
        """The JSON report of an audit with the store."""
        # What changed just before an audit is not vouched for.
        time.sleep(0.05)
        self.collected.clear()
        self.parsed.clear()
        self.closed.clear()
        return self._json(tree or self.tree, "--cache", self.tree.parent / "kept", *arguments)

    def anew(self, *arguments: object, tree: Path | None = None) -> bytes:
        """The JSON report of one without."""
        return self._json(tree or self.tree, "--no-cache", *arguments)

    def _json(self, tree: Path, *arguments: object) -> bytes:
        target = self.tree.parent / "report.json"
        found = audit(tree, *arguments, output=target)
        assert found.err == ""
        return target.read_bytes()


@pytest.fixture
def small(tree: Path) -> Path:
    """A minikernel of few units."""
    few = [c for c in commands(tree) if c["file"].endswith((SOURCE, "kernel/ptrace.c", "kernel/debug.c"))]
    assert len(few) == 3
    (tree / "compile_commands.json").write_text(json.dumps(few))
    return tree


@pytest.fixture
def asking(small: Path, monkeypatch: pytest.MonkeyPatch) -> Asking:
    asked = Asking(small, [], [], [])

    def collecting(*arguments: Any, **named: Any) -> Any:
        asked.collected.append(1)
        return collect(*arguments, **named)

    def parsing(jobs: Any, *rest: Any) -> Any:
        asked.parsed += [Path(j.source).name for j in jobs]
        return analyse_all(jobs, *rest)

    def closing(*arguments: Any) -> Any:
        asked.closed.append(1)
        return lend(*arguments)

    monkeypatch.setattr("auditor.audit.collect", collecting)
    monkeypatch.setattr("auditor.collect.lend", closing)
    monkeypatch.setattr("auditor.collect.analyse_all", parsing)
    return asked


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def edited_in_secret(tree: Path) -> None:
    """Same size, same inode, same modification time."""
    path = tree / SOURCE
    before = path.stat()
    edit(path, "r15", "r14") if "r15" in path.read_text() else edit(path, "struct pt_regs", "struct pt_regz")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def replaced_by_a_link(tree: Path) -> None:
    path = tree / SOURCE
    (tree.parent / "elsewhere.c").write_text(path.read_text() + MORE)
    path.unlink()
    path.symlink_to(tree.parent / "elsewhere.c")


def directory_becomes_a_link(tree: Path) -> None:
    (tree / "fs").rename(tree.parent / "fs")
    (tree.parent / SOURCE).write_text((tree.parent / SOURCE).read_text() + MORE)
    (tree / "fs").symlink_to(tree.parent / "fs")


def found_first(tree: Path) -> None:
    """`<linux/...>` of include/ is found in arch/x86/include, which is searched before."""
    (tree / "arch/x86/include/linux").mkdir()
    names = [p.name for p in (tree / "include/linux").iterdir()]
    for name in names:
        (tree / "arch/x86/include/linux" / name).write_text(f"#include_next <linux/{name}>\nstruct pt_regs;\n")


MORE = "unsigned long one_more(struct pt_regs *regs) { return regs->r15; }\n"
CHANGES: dict[str, Callable[[Path], object]] = {
    "a source": lambda t: (t / SOURCE).write_text((t / SOURCE).read_text() + MORE),
    "a source, in secret": edited_in_secret,
    "a header": lambda t: edit(t / HEADER, "unsigned long r15;", "unsigned long r15;\n\tunsigned long r16;"),
    "a header that is found first": found_first,
    "a text that no unit reads": lambda t: (t / "notes.txt").write_text("struct pt_regs\n"),
    "a text in another directory": lambda t: (t / "lib/notes.txt").write_text("struct pt_regs\n"),
    "a file that is gone": lambda t: (t / "lib/decoys.c").unlink(),
    "a file by another name": lambda t: (t / "lib/decoys.c").rename(t / "lib/others.c"),
    "a source that is gone": lambda t: (t / SOURCE).unlink(),
    "a file that is a link": replaced_by_a_link,
    "a directory that is a link": directory_becomes_a_link,
    "a compile command": lambda t: edit(t / "compile_commands.json", "-DCONFIG_X86_64=1", "-DCONFIG_X86_64=1 -DMORE"),
    "one more unit": lambda t: add_unit(t, "kernel/more.c", "#include <asm/ptrace.h>\n" + MORE),
    "the configuration": lambda t: (t / ".config").write_text((t / ".config").read_text() + "CONFIG_MORE=y\n"),
    "the version": lambda t: edit(t / "Makefile", "VERSION = ", "VERSION = 1"),
}


def test_nothing_changed(asking: Asking) -> None:
    first = asking.again()
    assert asking.collected and asking.parsed
    assert asking.again() == first == asking.anew()
    asking.again()
    assert not asking.collected


@pytest.mark.parametrize("change", CHANGES)
def test_something_changed(asking: Asking, change: str) -> None:
    asking.again()
    CHANGES[change](asking.tree)
    second = asking.again()
    assert asking.collected
    assert second == asking.anew()
    assert asking.again() == second


@pytest.mark.parametrize("change", ["a text that no unit reads", "a file by another name", "the configuration"])
def test_what_concerns_no_unit_is_not_parsed(asking: Asking, change: str) -> None:
    asking.again()
    CHANGES[change](asking.tree)
    asking.again()
    assert asking.collected and not asking.parsed


def test_one_source_is_parsed(asking: Asking) -> None:
    asking.again()
    CHANGES["a source"](asking.tree)
    asking.again()
    assert asking.parsed == [Path(SOURCE).name]


@pytest.mark.parametrize(
    "change", ["a source", "a source, in secret", "a text that no unit reads", "a file by another name", "the version"]
)
def test_what_headers_lend_is_not_asked_again(asking: Asking, change: str) -> None:
    asking.again()
    CHANGES[change](asking.tree)
    second = asking.again()
    assert asking.collected and not asking.closed
    # What was made from what was kept is kept in turn.
    CHANGES["a text in another directory"](asking.tree)
    edit(asking.tree / "kernel/debug.c", "pt_regs", "pt_regs /**/")
    third = asking.again()
    assert asking.collected and not asking.closed
    assert third == asking.anew() != second


@pytest.mark.parametrize(
    "change",
    [
        "a header",
        "a header that is found first",
        "a directory that is a link",
        "a source that is gone",
        "a compile command",
        "one more unit",
    ],
)
def test_what_headers_lend_is_asked_again(asking: Asking, change: str) -> None:
    asking.again()
    CHANGES[change](asking.tree)
    asking.again()
    assert asking.closed


def test_a_unit_that_was_not_selected(asking: Asking) -> None:
    add_unit(asking.tree, "lib/more.c", "#include <asm/ptrace.h>\nint nothing;\n")
    assert b"one_more" not in asking.again()
    (asking.tree / "lib/more.c").write_text("#include <asm/ptrace.h>\n" + MORE)
    second = asking.again()
    assert b"one_more" in second
    assert (asking.parsed, asking.closed) == (["more.c"], [])
    assert second == asking.anew()
    (asking.tree / "lib/more.c").write_text("#include <asm/ptrace.h>\nint nothing;\n")
    third = asking.again()
    assert b"one_more" not in third
    assert (asking.parsed, asking.closed) == ([], [])
    assert third == asking.anew()


def test_a_header_outside_that_no_selected_unit_reads(asking: Asking) -> None:
    """Neither the header nor what is found before it lies in tree or build, and the unit is not parsed at first."""
    outside = asking.tree.parent / "outside"
    (outside / "include").mkdir(parents=True)
    (outside / "include/far.h").write_text("#define FAR 0\n")
    text = "#include <asm/ptrace.h>\n#include <far.h>\nlong far(void) { return FAR; }\n"
    add_unit(asking.tree, str(outside / "m.c"), text, f"{FLAGS} -I{outside}/first -I{outside}/include")
    first = asking.again()
    assert "m.c" not in asking.parsed
    assert asking.again() == first and not asking.collected
    (outside / "include/far.h").write_text("#define FAR ((struct pt_regs *)0)->r15\n")
    assert asking.again() != first
    assert (asking.parsed, asking.closed) == (["m.c"], [1])
    (outside / "include/far.h").write_text("#define FAR 0\n")
    assert asking.again() == first
    (outside / "first").mkdir()
    (outside / "first/far.h").write_text("#define FAR ((struct pt_regs *)0)->r15\n")
    last = asking.again()
    assert (asking.parsed, asking.closed) == (["m.c"], [1])
    assert last == asking.anew() != first


def test_a_generated_header(asking: Asking) -> None:
    build = asking.tree.parent / "b"
    (build / "include").mkdir(parents=True)
    for name in ("compile_commands.json", ".config"):
        (asking.tree / name).rename(build / name)
    (build / "include/made.h").write_text("#define MADE 0\n")
    found = [c | {"directory": str(asking.tree)} for c in json.loads((build / "compile_commands.json").read_text())]
    more = ["gcc", f"-I{build}/include", *FLAGS.split()[1:], "-c", "-o", "lib/made.o", "lib/made.c"]
    found.append({"directory": str(asking.tree), "file": "lib/made.c", "output": "lib/made.o", "arguments": more})
    (build / "compile_commands.json").write_text(json.dumps(found))
    text = "#include <asm/ptrace.h>\n#include <made.h>\nlong made(void) { return MADE; }\n"
    (asking.tree / "lib/made.c").write_text(text)
    asking.again("--build", build)
    assert "made.c" not in asking.parsed
    (build / "include/made.h").write_text("#define MADE ((struct pt_regs *)0)->r15\n")
    second = asking.again("--build", build)
    assert (asking.parsed, asking.closed) == (["made.c"], [1])
    assert second == asking.anew("--build", build)


def test_a_file_that_was_only_touched(asking: Asking) -> None:
    first = asking.again()
    (asking.tree / HEADER).touch()
    assert asking.again() == first
    assert asking.collected and not asking.parsed
    asking.again()
    assert not asking.collected


def test_a_link_that_leads_somewhere_at_last(asking: Asking) -> None:
    """It has always stood where a header is looked for first."""
    names = [p.name for p in (asking.tree / "include/linux").iterdir()]
    first = asking.tree / "arch/x86/include/linux"
    first.mkdir()
    for name in names:
        (first / name).symlink_to(f"late-{name}")
    asking.again()
    for name in names:
        (first / f"late-{name}").write_text(f"#include_next <linux/{name}>\nstruct pt_regs;\n")
    second = asking.again()
    assert asking.parsed
    assert second == asking.anew()


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
    CHANGES["a source"](other)
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
