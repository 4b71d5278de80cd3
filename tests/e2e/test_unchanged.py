# SPDX-License-Identifier: GPL-2.0-only
"""An audit that finds nothing changed answers from what is kept; else it answers as if nothing were kept."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.asking import HEADER, MORE, SOURCE, Asking, edit, edited
from tests.e2e.helpers import FLAGS, add_unit


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


CHANGES: dict[str, Callable[[Path], object]] = {
    "a source": edited,
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
    edited(asking.tree)
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
