# SPDX-License-Identifier: GPL-2.0-only
"""A few units of a real kernel, compiled before and after a change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.outcome import Outcome
from tests.prove.proving import prove
from tests.realkernel.conftest import Audited

pytestmark = pytest.mark.kernel

PTRACE, PERF, RSEQ = "arch/x86/kernel/ptrace.c", "arch/x86/kernel/perf_regs.c", "kernel/rseq.c"


def proved(audited: Audited, where: Path, proposal: str, *files: str) -> Outcome:
    report = where / "report.json"
    report.write_text(json.dumps(audited.report))
    given = ["--report", report, "--tree", audited.tree, "--build", audited.build, "--proposal", proposal]
    return prove(where, *given, *(a for f in files for a in ("--file", f)))


def modified(*directories: Path) -> dict[Path, int]:
    return {d: d.stat().st_mtime_ns for d in directories}


def test_members_follow_and_nothing_is_written(audited: Audited, tmp_path: Path) -> None:
    watched = (audited.build, audited.build / "kernel", audited.tree, audited.tree / "kernel", audited.tree / "arch")
    before = modified(*watched)
    found = proved(audited, tmp_path, "insert-head", RSEQ, PERF)
    assert found.code == 0, found.out
    assert " 0 contradicted; 0 changes without a site" in found.out
    notes = [n for _, n in found.notes().values()]
    assert any("kernel/rseq.o" in n and "follows" in n for n in notes)
    assert any("pt_regs_offset in arch/x86/kernel/perf_regs.o: changed" in n for n in notes)
    assert modified(*watched) == before


def test_the_guard_of_ptrace_fires_for_a_new_head_only(audited: Audited, tmp_path: Path) -> None:
    head = proved(audited, tmp_path, "insert-head", PTRACE)
    assert head.code == 0, head.out
    guards = [n for _, n in head.notes().values() if "guard fires" in n]
    assert guards and all("offsetof(struct pt_regs, r15) != 0" in n for n in guards)
    tail = proved(audited, tmp_path, "append-tail", PTRACE)
    assert tail.code == 0, tail.out
    assert "0 stopped by a guard" in tail.out and "0 contradicted" in tail.out
