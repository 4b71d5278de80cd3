# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kernel.cmdfiles import parse_cmd, read_cmd_files
from auditor.kernel.recorded import Recorded
from auditor.model import Failure

GOOD = b"savedcmd_a.o := gcc -D__KERNEL__ -c -o a.o /src/a.c ; objtool a.o\n\nsource_a.o := /src/a.c\n"


def only(line: bytes) -> Recorded:
    (command,) = parse_cmd(line, "/build")
    return command


@pytest.mark.parametrize("name", [b"cmd", b"savedcmd"])
def test_both_names_of_the_variable(name: bytes) -> None:
    command = only(name + b"_kernel/fork.o := gcc -Wp,-MMD,kernel/.fork.o.d -c -o kernel/fork.o ../kernel/fork.c\n")
    assert (command.object, command.source) == ("kernel/fork.o", "../kernel/fork.c")


def test_escapes_for_make_are_undone() -> None:
    command = only(b"cmd_a.o := gcc -DA='\\#x' -DB='$(pound)y' -DC='$$z' -DM='\"a\"' -c -o a.o a.c\n")
    assert command.arguments[:4] == ("-DA=#x", "-DB=#y", "-DC=$z", '-DM="a"')


def test_assembly_and_dash_s() -> None:
    assert only(b"cmd_e.o := gcc -D__ASSEMBLY__ -c -o e.o e.S\n").is_assembly
    assert only(b"cmd_asm-offsets.s := gcc -fverbose-asm -S -o asm-offsets.s asm-offsets.c\n").object == "asm-offsets.s"


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"cmd_vmlinux.o := ld -r -o vmlinux.o a.o\n", b"cmd_x.h := sh gen.sh\n", b"deps_a.o := a.h\n",
     b"cmd_prog := gcc -o prog -c prog.c\n"],
)  # fmt: skip
def test_lines_without_a_unit(line: bytes) -> None:
    assert list(parse_cmd(line, "/build")) == []


@pytest.mark.parametrize("line", [b"cmd_a.o := gcc -c -o a.o 'a.c\n", b"cmd_a.o := gcc -D\xff -c -o a.o a.c\n",
                                  b"cmd_a.o := gcc " + b"-DX " * 300_000])  # fmt: skip
def test_damaged_line(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"open quote|utf-8|longer"):
        list(parse_cmd(line, "/build"))


def test_directory_is_read_in_order_without_links_and_special_files(tmp_path: Path) -> None:
    build = tmp_path / "build"
    for directory in ("b", "a/deep", "tools", "a/tools"):
        (build / directory).mkdir(parents=True)
        name = directory.replace("/", "_")
        line = f"cmd_{directory}/{name}.o := gcc -c -o {directory}/{name}.o /src/{name}.c\n"
        (build / directory / f".{name}.o.cmd").write_text(line)
    (build / "loop").symlink_to(build)
    (build / "b/loop").symlink_to("..")
    (build / "b/.link.o.cmd").symlink_to(build / "b/.b.o.cmd")
    (build / "b/.directory.o.cmd").mkdir()
    os.mkfifo(build / "b/.fifo.o.cmd")
    found = [item.object for item in read_cmd_files(build) if isinstance(item, Recorded)]
    assert found == ["a/deep/a_deep.o", "a/tools/a_tools.o", "b/b.o"]


def test_one_bad_file_is_one_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in ((".a.o.cmd", GOOD), (".bad.o.cmd", b"cmd_b.o := gcc 'x\n"), (".c.o.cmd", GOOD)):
        (tmp_path / name).write_bytes(content)
    first, failure, last = read_cmd_files(tmp_path)
    assert first == last
    assert failure == Failure(".bad.o.cmd", "not a Kbuild command: open quote at character 5")


def test_non_utf8_names(tmp_path: Path) -> None:
    name = os.fsdecode(b".\xff.o.cmd")
    (tmp_path / name).write_bytes(b"cmd_b.o := gcc 'x\n")
    (tmp_path / ".good.o.cmd").write_bytes(GOOD)
    good, failure = read_cmd_files(tmp_path)
    assert isinstance(good, Recorded)
    assert isinstance(failure, Failure)
    assert failure.file == ".\\xff.o.cmd"


@given(st.binary(max_size=120) | st.binary(max_size=60).map(lambda b: b"cmd_x.o := gcc " + b + b" -c -o x.o x.c"))
def test_any_content_leaves_its_neighbours(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        for name, data in ((".a.o.cmd", GOOD), (".b.o.cmd", content), (".c.o.cmd", GOOD)):
            Path(directory, name).write_bytes(data)
        found = list(read_cmd_files(Path(directory)))
    assert found[0] == found[-1]
    assert isinstance(found[0], Recorded)
