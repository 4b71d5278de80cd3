# SPDX-License-Identifier: GPL-2.0-only
"""Changes of a real kernel's files: as text, and as its compiler commands read them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.change.repository import Repo
from tests.change.scratch import scratch

PTRACE = "arch/x86/kernel/ptrace.c"
HEADER = "arch/x86/include/asm/ptrace.h"
FILES = (
    PTRACE,
    HEADER,
    "kernel/signal.c",
    "mm/mmap.c",
    "arch/x86/kernel/kprobes/common.h",
    "arch/x86/entry/entry_64.S",
)
pytestmark = pytest.mark.kernel


@pytest.fixture(autouse=True)
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


@pytest.fixture
def kernel(kernel_paths: tuple[Path, Path], tmp_path: Path) -> tuple[Repo, Path]:
    return scratch(*kernel_paths, FILES, tmp_path / "scratch")


def edited(repo: Repo, name: str, old: str, new: str) -> None:
    text = (repo.path / name).read_text()
    assert old in text, f"{name} of this kernel is another one"
    repo.write(name, text.replace(old, new, 1))
    repo.commit()


@pytest.mark.parametrize("parsed", [True, False])
def test_the_guard_of_ptrace(kernel: tuple[Repo, Path], parsed: bool) -> None:
    """pt_regs_access() counts from r15, and its only guard goes."""
    repo, compdb = kernel
    guard = "\tBUILD_BUG_ON(offsetof(struct pt_regs, r15) != 0);\n"
    edited(repo, PTRACE, guard, "")
    found = repo.diff("HEAD", *(("--compdb", compdb) if parsed else ()))
    assert (PTRACE, "assert/removed") in found.new, found.err
    coverage = found.report["runs"][0]["coverage"]
    assert (found.code, coverage["units_analysed"], coverage["units_failed"]) == (1, int(parsed), [])


def test_a_comment_is_no_change(kernel: tuple[Repo, Path]) -> None:
    repo, compdb = kernel
    edited(repo, PTRACE, "#include", "/* nothing */\n#include")
    for options in ((), ("--compdb", compdb)):
        found = repo.diff("HEAD", *options)
        assert (found.code, found.report["sites"]) == (0, []), found.out


def test_the_header_of_h01(kernel: tuple[Repo, Path]) -> None:
    """HISTORY H01: `pkru` between bx and r11. ptrace's index by number and the pushes of kprobes break in silence."""
    repo, _ = kernel
    member = "#ifdef CONFIG_PKK\n\tunsigned long pkru;\n#endif\n"
    text = (repo.path / HEADER).read_text()
    start = text.index("#else /* __i386__ */")
    at = text.index("\tunsigned long r11;", start)
    repo.write(HEADER, text[:at] + member + text[at:])
    repo.commit()
    found = repo.diff("HEAD")
    broken = {
        s["file"] for s in found.report["sites"] if s["verdicts"].get("this-change", {}).get("verdict") == "break"
    }
    assert PTRACE in broken
    assert found.code == 1


def test_a_file_that_has_nothing_to_do_with_it(kernel: tuple[Repo, Path]) -> None:
    repo, _ = kernel
    edited(repo, "mm/mmap.c", "#include", "/* nothing */\n#include")
    repo.git("reset", "-q", "--soft", "HEAD~1")
    found = repo.hook("mm/mmap.c")
    assert (found.code, found.out, found.err) == (0, "", "")
