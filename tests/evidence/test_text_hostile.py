# SPDX-License-Identifier: GPL-2.0-only
"""No text makes the reader fail or wait: what is over a limit is named, and the others are read all the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.evidence.text import parsing, pool
from auditor.evidence.text.pool import Asked, read_all
from auditor.evidence.text.read import Reader, read_texts
from auditor.evidence.text.types import Known
from auditor.model import Failure

GOOD = ("good.c", b"long ip(struct pt_regs *regs) { return regs->ip; }\n")
HEAD = b"long f(struct pt_regs *regs) { return "


def problem_of(data: bytes, name: str = "bad.c") -> str:
    """What is said of one text; the text beside it is read."""
    sites, problems = read_texts([(name, data), GOOD], "pt_regs", "x86_64")
    assert "good.c" in {s.file for s in sites}
    assert {p.file for p in problems} <= {name}
    return problems[0].why if problems else ""


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"struct pt_regs *regs;\0", "binary"),
        (b"/" * 100_000_000, "larger than 2 MiB"),
        (HEAD + b"x" * (1 << 17) + b"; }", "a line longer than 64 KiB"),
        (HEAD + b"(\n" * 50_000 + b"regs->ip" + b")\n" * 50_000 + b"; }", "brackets 50001 deep"),
        (b"{\n" * 100_000, "brackets 100000 deep"),
    ],
    ids=["binary", "one-long-line", "line", "nested", "open"],
)
def test_over_a_limit(data: bytes, why: str) -> None:
    assert problem_of(data) == f"not read as text: {why}"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe \x80 struct pt_regs *\xe9 = regs->\xe9;\n",
        HEAD + b"regs->ip +\n" * 5_000 + b"0; }",
        HEAD + b"sizeof(struct pt_regs) +\n" * 5_000 + b"0; }",
        HEAD + b"regs ?\n" * 10_000,
        HEAD + b"(long *)\n" * 10_000 + b"regs; }",
        HEAD + b"*&\n" * 10_000 + b"regs; }",
        b"#if A\n" * 20_000 + b"struct pt_regs *regs;\n",
        b"#if " + b"A || " * 10_000 + b"1\n#else\n#endif\n",
        b"#define X \\\n" * 20_000,
        b"/*" * 20_000,
        b'"' * 20_000,
        b"\tstruct pt_regs r;\n" * 20_000 + b"}\n" * 20_000,
        b"struct s {\n" * 1_000 + b"\tstruct pt_regs r;\n" + b"};\n" * 1_000,
    ],
)
@pytest.mark.parametrize("name", ["bad.c", "bad.h", "bad.S"])
def test_costs_little(data: bytes, name: str) -> None:
    problem_of(data, name)


def test_a_parser_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "_STEPS", 0)
    monkeypatch.setattr(parsing, "_STEPS_PER_KIB", 0)
    sites, problems = read_texts([("long.c", HEAD + b"1 +\n" * 5_000 + b"0; }")], "pt_regs", "x86_64")
    assert (sites, problems) == ([], [Failure("long.c", "not read as text: takes too many steps to parse")])


WORDS = """
struct pt_regs * regs -> . ip & + - [ ] ( ) { } ; , = 1 sizeof offsetof #define M(x) #if 0 #endif task_pt_regs(
PT_REGS_PARM1( asm( "pushq %rdi" /* */ // ' case : return if
"""


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([*WORDS.split(), "\\\n", "\n"]), max_size=60))
def test_any_text_is_read(words: list[str]) -> None:
    text = " ".join(words).encode()
    reader = Reader("pt_regs", "x86_64")
    for name in ("any.c", "any.h", "any.S"):
        assert reader.read(name, text).problem == ""


class TestFiles:
    """From files, in workers."""

    @pytest.fixture
    def asked(self, tmp_path: Path) -> Asked:
        for i in range(40):
            (tmp_path / f"{i}.c").write_bytes(GOOD[1])
        return Asked(str(tmp_path), "pt_regs", "x86_64", Known())

    def test_what_cannot_be_read_is_named(self, asked: Asked, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.c")
        (tmp_path / "link.c").symlink_to("/etc/hostname")
        (tmp_path / "directory.c").mkdir()
        names = ["pipe.c", "link.c", "directory.c", "gone.c", *(f"{i}.c" for i in range(40))]
        found = dict(read_all(names, asked, 2))
        assert {name for name, text in found.items() if text.problem} == {"pipe.c", "link.c", "directory.c", "gone.c"}
        assert all(len(text.sites) == 1 for text in found.values() if not text.problem)

    def test_a_worker_that_dies_loses_one_file(
        self, asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "deadly.c").write_bytes(b"")
        read = pool._read

        def dies(reader: Reader, root: str, path: str) -> object:
            return os._exit(1) if path == "deadly.c" else read(reader, root, path)

        monkeypatch.setattr(pool, "_read", dies)
        found = dict(read_all(["deadly.c", *(f"{i}.c" for i in range(40))], asked, 2))
        assert len(found) == 41
        assert [name for name, text in found.items() if text.problem] == ["deadly.c"]
        assert "s or" in found["deadly.c"].problem
