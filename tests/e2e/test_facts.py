# SPDX-License-Identifier: GPL-2.0-only
"""The second audit reads what the first one found."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from auditor.evidence.c.job import Job
from auditor.evidence.pool import analyse_all
from tests.e2e.helpers import audit
from tests.outcome import Outcome


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The sources that each audit from now on gives to libclang."""
    seen: list[list[str]] = []

    def noting(jobs: list[Job], *rest: object) -> object:
        seen.append(sorted(Path(j.source).name for j in jobs))
        return analyse_all(jobs, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("auditor.collect.analyse_all", noting)
    return seen


def kept(tree: Path) -> Outcome:
    # What changed just before an audit is not vouched for: it could change again at what the clock calls the same time.
    time.sleep(0.05)
    return audit(tree, "--cache", tree.parent / "kept")


def test_nothing_changed(tree: Path, parsed: list[list[str]]) -> None:
    first, second = kept(tree), kept(tree)
    assert len(parsed[0]) > 10
    assert parsed[1:] == []
    assert (second.code, second.err, second.report) == (first.code, first.err, first.report)


def test_one_source_changed(tree: Path, parsed: list[list[str]]) -> None:
    kept(tree)
    with (tree / "fs/coredump.c").open("a") as stream:
        stream.write("unsigned long one_more(struct pt_regs *regs) { return regs->r15; }\n")
    second = kept(tree)
    assert parsed[1] == ["coredump.c"]
    assert any(s["function"] == "one_more" for s in second.report["sites"])
    assert second.report["sites"] == audit(tree).report["sites"]


def test_a_header_changed(tree: Path, parsed: list[list[str]]) -> None:
    kept(tree)
    header = tree / "arch/x86/include/asm/ptrace.h"
    header.write_text(header.read_text().replace("unsigned long r15;", "unsigned long r15;\n\tunsigned long r16;", 1))
    second = kept(tree)
    assert parsed[1] == parsed[0]
    assert second.report["runs"][0]["layout"]["size"] == 176


def test_a_unit_that_failed_is_tried_again(tree: Path, parsed: list[list[str]]) -> None:
    whole = (tree / "fs/coredump.c").read_text()
    (tree / "fs/coredump.c").write_text(whole + "#error not yet\n")
    assert list(kept(tree).failed) == ["fs/coredump.c"]
    (tree / "fs/coredump.c").write_text(whole)
    assert kept(tree).failed == {}
    assert parsed[1] == ["coredump.c"]


def test_a_damaged_store_is_said_and_costs_nothing_else(tree: Path, sound: Outcome) -> None:
    kept(tree)
    (tree.parent / "kept/facts.sqlite").write_bytes(b"no database" * 1000)
    second = kept(tree)
    assert second.sites() == sound.sites()
    assert "warning" in second.err and "facts.sqlite" in second.err
    assert kept(tree).err == ""


def test_without_a_cache_nothing_is_kept(tree: Path, parsed: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tree.parent / "home"))
    for _ in range(2):
        audit(tree, "--no-cache")
    assert parsed[0] == parsed[1] != []
    assert not (tree.parent / "home/ptregs-audit").exists()
