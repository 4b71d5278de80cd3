# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.arch import by_id
from auditor.errors import UsageError
from auditor.kernel import mentions
from auditor.kernel.mentions import Mention, Words, candidates, index
from auditor.kernel.tree import Build, Tree
from auditor.model import Failure, Unit

WORDS = Words(by_id("x86_64").words)


@pytest.mark.parametrize(
    "text",
    ["struct pt_regs *r", "task_pt_regs(t)", "bpf_user_pt_regs_t", "set_irq_regs(r)", "arch_ftrace_regs", "__pt_regs",
     "/* pt_regs */", "pt_regs_offset", "(pt_regs", "\xffpt_regs\xff"],
)  # fmt: skip
def test_named(text: str) -> None:
    data = text.encode("latin-1")
    assert WORDS.named_in(data)
    assert WORDS.lines(b"\n\n" + data) == [3]


@pytest.mark.parametrize(
    "text", ["interrupt_regs", "crypt_regs", "pt_regs32", "PT_REGS_IP(x)", "user_regs", "pt_reg", ""]
)
def test_not_named(text: str) -> None:
    assert not WORDS.named_in(text.encode())
    assert WORDS.lines(text.encode()) == []


def test_lines_are_counted_once_each() -> None:
    assert WORDS.lines(b"pt_regs pt_regs\n\nirq_regs\r\nx\n\nftrace_regs") == [1, 3, 6]


@given(st.lists(st.sampled_from(["pt_regs", "xpt_regs", "irq_regs ", "_pt_regs_", "9", "\n", "\n\n", "regs"])))
def test_lines_agree_with_a_search_line_by_line(parts: list[str]) -> None:
    data = "".join(parts).encode()
    plain = re.compile(rb"(?<![A-Za-z0-9])(?:pt|irq|ftrace)_regs(?![A-Za-z0-9])")
    assert WORDS.lines(data) == [n for n, line in enumerate(data.split(b"\n"), 1) if plain.search(line)]


@pytest.mark.parametrize("words", [[], [""], ["a b"], ["pt_regs", "x|y"], ["*"]])
def test_words_are_identifiers(words: list[str]) -> None:
    with pytest.raises(UsageError, match="not identifiers"):
        Words(words)


def test_words_without_a_common_end() -> None:
    assert Words(["foo", "struct_bar"]).lines(b"foo\nbar\nstruct_bar\n") == [1, 3]


def test_index_of_a_tree(tree: Tree) -> None:
    assert index(tree.root, WORDS).mentions == (
        Mention("arch/x86/kernel/entry.S", 1),
        Mention("arch/x86/kernel/ptrace.c", 2),
        Mention("include/linux/regs.h", 1),
    )


def test_what_is_not_read(tree: Tree, tmp_path: Path) -> None:
    before = index(tree.root, WORDS)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.c").write_text("pt_regs\n")
    (tree.root / "loop").symlink_to(tree.root)
    (tree.root / "arch/up").symlink_to("..")
    (tree.root / "elsewhere").symlink_to(elsewhere)
    (tree.root / "link.c").symlink_to(elsewhere / "x.c")
    (tree.root / "dangling.c").symlink_to("nowhere")
    (tree.root / ".git").mkdir()
    (tree.root / ".git/x.c").write_text("pt_regs\n")
    (tree.root / "kernel/x.o").write_bytes(b"\x7fELF\0pt_regs\n")
    os.mkfifo(tree.root / "kernel/fifo.c")
    (tree.root / "out").mkdir()
    (tree.root / "out/x.c").write_text("pt_regs\n")
    assert index(tree.root, WORDS, skip=[tree.root / "out"]) == before


def test_a_fifo_that_takes_a_files_place_is_not_waited_for(tree: Tree) -> None:
    os.mkfifo(tree.root / "fifo.c")
    unit = Unit("fifo.c", "fifo.o", str(tree.root), ("-c", "fifo.c"))
    assert candidates([unit], WORDS) == ()


def test_contents_and_names_that_are_not_utf8(tree: Tree) -> None:
    name = os.fsdecode(b"kernel/caf\xe9.c")
    (tree.root / name).write_bytes(b"/* \xe9 */\nstruct pt_regs *\xff;\n")
    found = [m for m in index(tree.root, WORDS).mentions if m.file.startswith("kernel/")]
    assert found == [Mention("kernel/caf\\xe9.c", 2)]


def test_unreadable_and_huge_files_are_recorded(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mentions, "_LARGEST", 20)
    (tree.root / "big.o").write_bytes(b"\0" * 30)
    real = os.open

    def refuse(path: str, flags: int) -> int:
        if str(path).endswith("fork.c"):
            raise PermissionError(13, "Permission denied")
        return real(path, flags)

    monkeypatch.setattr(os, "open", refuse)
    found = index(tree.root, WORDS)
    assert found.unread == (
        Failure("Makefile", "larger than 0 MiB"),
        Failure("arch/x86/kernel/ptrace.c", "larger than 0 MiB"),
        Failure("include/linux/regs.h", "larger than 0 MiB"),
        Failure("kernel/fork.c", "Permission denied"),
    )
    assert [m.file for m in found.mentions] == ["arch/x86/kernel/entry.S"]


def test_unreadable_directory_is_recorded(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def refuse(path: str) -> os._ScandirIterator[str]:
        if path.endswith("/kernel"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert [f.file for f in index(tree.root, WORDS).unread] == ["arch/arm64/kernel/", "arch/x86/kernel/", "kernel/"]


def test_candidates_name_a_word_in_their_own_source(tree: Tree, build: Build) -> None:
    def unit(source: str) -> Unit:
        return Unit(source, source + ".o", str(build.directory), ("-c", str(tree.root / source)))

    units = [unit(s) for s in ("kernel/fork.c", "arch/x86/kernel/ptrace.c", "kernel/gone.c")]
    assert [u.source for u in candidates(units, WORDS)] == ["arch/x86/kernel/ptrace.c", "kernel/gone.c"]
