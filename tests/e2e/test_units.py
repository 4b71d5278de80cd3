# SPDX-License-Identifier: GPL-2.0-only
"""Sources and headers that cannot be analysed. Each loses itself and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from auditor.evidence import pool
from tests.e2e.helpers import FLAGS, add_unit, audit, spawn
from tests.outcome import Outcome

SOURCE = "#include <linux/ptrace.h>\nlong added(struct pt_regs *regs) { return regs->ax; }\n"
ADDED = "kernel/added.c"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("#include <linux/ptrace.h>\nlong f(struct pt_regs *r) { return r->; }\n", f"{ADDED}:2: expected identifier"),
        ("struct pt_regs;\n\n#include <linux/gone.h>\n", f"{ADDED}:3: 'linux/gone.h' file not found"),
        ("struct pt_regs;\n\nlong x = (\n", f"{ADDED}:3: expected expression"),
        (SOURCE + "#error pt_regs\n", f"{ADDED}:3: pt_regs"),
        (SOURCE + "long y = " + "(" * 999 + "1" + ")" * 999 + ";\n", f"{ADDED}:3: bracket nesting level"),
    ],
)
def test_a_source_that_does_not_parse(text: str, error: str, tree: Path, sound: Outcome) -> None:
    add_unit(tree, ADDED, text)
    found = audit(tree)
    assert (found.code, found.err) == (3, "")
    assert list(found.failed) == [ADDED]
    assert found.failed[ADDED].startswith(error)
    assert found.coverage["units_analysed"] == sound.coverage["units_analysed"]
    assert found.sites(without=[ADDED]) == sound.sites()
    assert error in found.out


OTHER_ABI = "#include <linux/ptrace.h>\nlong added(void *p) { return user_mode(p); }\n"


def test_another_abi_is_no_part_of_the_question(tree: Path, sound: Outcome) -> None:
    add_unit(tree, ADDED, OTHER_ABI)
    add_unit(tree, "kernel/other.c", OTHER_ABI, f"{FLAGS} -m32")
    found = audit(tree)
    assert (found.code, found.failed) == (1, {})
    assert found.coverage["units_analysed"] == sound.coverage["units_analysed"] + 1
    files = {s["file"] for s in found.sites()} - {s["file"] for s in sound.sites()}
    assert files == {ADDED}


def test_another_abi_of_a_unit_that_names_the_struct(tree: Path, sound: Outcome) -> None:
    add_unit(tree, ADDED, SOURCE, f"{FLAGS} -m32")
    found = audit(tree)
    assert found.code == 3
    assert list(found.failed) == [ADDED]
    assert found.failed[ADDED].startswith("compiled for another ABI: struct pt_regs has 84 bytes there, 168 elsewhere")
    # Its text is read all the same.
    assert {s["evidence"] for s in found.sites() if s["file"] == ADDED} == {"syntactic"}
    assert found.sites(without=[ADDED]) == sound.sites()


def test_what_parses_of_it_is_reported(tree: Path) -> None:
    add_unit(tree, ADDED, SOURCE + "long y(struct pt_regs *r) { return r->; }\n")
    found = audit(tree)
    assert found.code == 3
    assert [s["expression"] for s in found.sites() if s["file"] == ADDED] == ["regs->ax"]


def test_a_header_that_does_not_parse(tree: Path, sound: Outcome) -> None:
    (tree / "include/linux/kprobes.h").write_text("/* pt_regs */\n\nstruct {{{\n")
    found = audit(tree)
    users = {"arch/x86/kernel/kprobes.c", "kernel/trace/trace_kprobe.c"}
    assert (found.code, set(found.failed)) == (3, users)
    assert [w for w in found.failed.values() if not w.startswith("include/linux/kprobes.h:3: ")] == []
    # The macro in the last one is expanded by one of the two only.
    lost = {*users, "include/linux/kprobes.h", "arch/x86/include/asm/ftrace.h"}
    ids = {s["id"] for s in found.sites()}
    assert [(s["file"], s["expression"]) for s in sound.sites(without=lost) if s["id"] not in ids] == []


def test_findings_do_not_hide_that_it_is_incomplete(tree: Path) -> None:
    add_unit(tree, ADDED, "struct pt_regs;\nint x = ;\n")
    assert audit(tree, "--exit-zero").code == 3
    assert audit(tree, "--path", "nowhere").code == 3


def test_a_source_that_includes_itself(tree: Path, sound: Outcome) -> None:
    add_unit(tree, ADDED, f'#include "{tree}/{ADDED}"\n{SOURCE}')
    found = audit(tree)
    assert found.code == 3
    assert "#include nested too deeply" in found.failed[ADDED]
    assert found.sites(without=[ADDED]) == sound.sites()


def test_sources_that_may_not_be_read(tree: Path, tmp_path: Path, sound: Outcome) -> None:
    add_unit(tree, ADDED, SOURCE)
    (tree / ADDED).chmod(0)
    (tree / "lib/unread.c").write_text(SOURCE)
    (tree / "lib/unread.c").chmod(0)
    target = tmp_path / "report.json"
    process = spawn("audit", tree, "-o", f"json={target}")
    out, err = process.communicate(timeout=60)
    found = Outcome(process.returncode, out, err, json.loads(target.read_text()))
    assert (found.code, found.err) == (3, "")
    assert set(found.failed) == {ADDED}
    assert found.sites() == sound.sites()


@pytest.mark.parametrize("tail", [b'/* \xe4\xf6\xff */ char *s = "\xff\xfe";\n', b"\0\0"])
def test_sources_that_are_not_text(tail: bytes, tree: Path, sound: Outcome) -> None:
    add_unit(tree, ADDED, SOURCE.encode() + tail)
    found = audit(tree)
    assert (found.code, found.err, found.failed) == (1, "", {})
    assert [s["expression"] for s in found.sites() if s["file"] == ADDED] == ["regs->ax"]
    assert found.sites(without=[ADDED]) == sound.sites()


def test_names_that_are_not_ascii(tree: Path, sound: Outcome) -> None:
    add_unit(tree, "kernel/höhe.c", SOURCE)
    found = audit(tree)
    assert (found.code, found.failed) == (1, {})
    assert [s["expression"] for s in found.sites() if s["file"] == "kernel/höhe.c"] == ["regs->ax"]


def test_names_that_are_not_utf_8(tree: Path, sound: Outcome) -> None:
    name = os.fsdecode(b"kernel/h\xf6he.c")
    (tree / name).write_text(SOURCE)
    found = audit(tree)
    assert (found.code, found.err) == (1, "")
    listed = [u for u in found.coverage["uncovered"] if u["file"] == "kernel/h\\xf6he.c"]
    assert [u["line"] for u in listed] == [2]
    add_unit(tree, name)
    found = audit(tree)
    assert (found.code, found.err) == (3, "")
    (why,) = found.failed.values()
    assert "a word of the command is not UTF-8" in why
    assert found.sites() == sound.sites()


def test_a_fifo_among_the_sources_is_not_opened(tree: Path, sound: Outcome) -> None:
    os.mkfifo(tree / "kernel/pt_regs.c")
    os.mkfifo(tree / "include/linux/pt_regs.h")
    found = audit(tree)
    assert (found.code, found.err) == (1, "")
    assert found.sites() == sound.sites()


def test_a_fifo_that_a_source_includes(tree: Path, sound: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "TIME_LIMIT", 3)
    os.mkfifo(tree / "include/linux/fifo.h")
    add_unit(tree, ADDED, f"#include <linux/fifo.h>\n{SOURCE}")
    found = audit(tree)
    assert (found.code, found.err) == (3, "")
    assert found.failed == {ADDED: "it takes longer than 3 s to parse"}
    assert found.sites(without=[ADDED]) == sound.sites()
