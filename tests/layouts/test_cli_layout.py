# SPDX-License-Identifier: GPL-2.0-only
"""The commands `layout` and `proposals`, as a user calls them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from auditor.cli.layout import layout_command, proposals_command
from auditor.errors import AuditorError, InputError, UsageError

from .tools import PT_REGS, TRICKY, gcc


def call(command: click.Command, *arguments: str) -> str:
    result = invoke(command, *arguments)
    if result.exception is not None:
        raise result.exception
    return result.output


def invoke(command: click.Command, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_layout_of_a_header() -> None:
    shown = call(layout_command, str(PT_REGS))
    assert shown.startswith("struct pt_regs {\n\tunsigned long r15;")
    assert shown.endswith("/* last cacheline: 40 bytes */\n};\n")


def test_struct_and_clang_arguments(tmp_path: Path) -> None:
    header = tmp_path / "a.h"
    header.write_text("struct s { WORD w; };\n")
    shown = call(layout_command, str(header), "--struct", "s", "--", "-DWORD=short", "-m32")
    assert "short w;" in shown and "size: 2," in shown


def test_diff_of_a_header_and_an_object(tmp_path: Path) -> None:
    header = tmp_path / "new.h"
    header.write_text(PT_REGS.read_text().replace("bx;", "bx;\n\tunsigned long pks;"))
    shown = call(layout_command, "diff", gcc(TRICKY, tmp_path / "a.o", "-g"), str(header))
    rows = {words[0]: words[1:] for words in (line.split() for line in shown.splitlines()) if words}
    assert rows["bx"] == ["40", "40"]
    assert rows["pks"][:3] == ["-", "48", "added"]
    assert rows["ip"] == ["128", "136", "+8"]
    assert shown.endswith("size: 168 -> 176 (+8)\n")


def test_diff_needs_two_files() -> None:
    result = invoke(layout_command, "diff", str(PT_REGS))
    assert result.exit_code == 2 and "needs two files" in result.output
    assert invoke(layout_command).exit_code == 2


def test_errors_are_left_to_the_caller(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        call(layout_command, str(tmp_path / "none"))
    with pytest.raises(UsageError, match="unknown proposal"):
        call(proposals_command, "none")
    with pytest.raises(AuditorError, match="unknown architecture"):
        call(layout_command, str(PT_REGS), "--arch", "vax")


def test_list_of_proposals() -> None:
    lines = call(proposals_command).splitlines()
    assert [line.split()[0] for line in lines[2:]] == [
        "append-tail", "auxiliary", "extended", "fred-frame", "insert-head", "insert-middle",
    ]  # fmt: skip


def test_effects_of_all_proposals() -> None:
    lines = call(proposals_command, "--layout", str(PT_REGS), "--", "-DUNUSED").splitlines()
    effects = {line.split()[0]: line.split("  ")[-1].strip() for line in lines[2:]}
    assert effects == {
        "append-tail": "size +8; added pks; new tail",
        "auxiliary": "extension of 16 bytes, scope call",
        "extended": "frame +16 below; extension of 16 bytes, scope entry",
        "fred-frame": "frame +16 above",
        "insert-head": "21 members shift by +8; size +8; added pks; new head",
        "insert-middle": "15 members shift by +8; size +8; added pks",
    }


def test_one_proposal() -> None:
    shown = call(proposals_command, "extended")
    for words in ("extended: ", "unsigned long pks (8 bytes)", "macro:PUSH_REGS", "irqentry_nmi_exit", "reference"):
        assert words in shown
    assert "effects" not in shown
    with_effects = call(proposals_command, "insert-head", "--layout", str(PT_REGS))
    assert "new head" in with_effects and "size: 168 -> 176 (+8)" in with_effects


def test_a_proposal_of_a_user_cannot_drive_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'format = 1\nid = "mine"\ntitle = "a\\u001b[2Jb"\ndescription = "c\\u0007d"\nreferences = ["e\\u202ef"]\n'
        '[[operation]]\nop = "frame-below"\nbytes = 8\n'
    )
    shown = call(proposals_command, str(path))
    assert not set(shown) & {"\x1b", "\x07", "\u202e"}
    assert "a\\x1b[2Jb" in shown and "frame-below 8 bytes" in shown


def test_start_up_loads_neither_clang_nor_elftools() -> None:
    script = "import sys, auditor.cli.layout; print([m for m in ('clang', 'elftools', 'tomllib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
