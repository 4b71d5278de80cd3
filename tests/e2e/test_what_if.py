# SPDX-License-Identifier: GPL-2.0-only
"""`what-if` gives the report that `audit` would give, and needs no tree for it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.facts import version
from tests.e2e.helpers import ROOT, audit, commands
from tests.e2e.test_questions import proposal
from tests.outcome import Outcome, outcome


@pytest.fixture
def small(tree: Path) -> Path:
    """A minikernel of few units."""
    few = [c for c in commands(tree) if c["file"].endswith(("fs/coredump.c", "kernel/ptrace.c"))]
    (tree / "compile_commands.json").write_text(json.dumps(few))
    return tree


@pytest.fixture
def cache(small: Path) -> Iterator[Path]:
    """Where the audit of `small` left its facts."""
    kept = small.parent / "kept"
    assert audit(small, "--cache", kept).code == 1
    yield kept


def what_if(*arguments: object, cache: Path) -> Outcome:
    target = cache.parent / "what-if.json"
    return outcome(["what-if", *arguments, "--cache", cache, "-o", f"json={target}", "-o", "text=-"], target)


def same(small: Path, cache: Path, *options: object) -> Outcome:
    """Both commands with these options: equal in every byte but for the time they took."""
    asked = what_if(*options, cache=cache)
    target = small.parent / "audit.json"
    told = audit(small, "--no-cache", *options, output=target)
    assert (small.parent / "what-if.json").read_bytes() == target.read_bytes()
    assert asked.code == told.code
    assert [line.rpartition("; ")[0] if "units analysed" in line else line for line in asked.out.splitlines()] == [
        line.rpartition("; ")[0] if "units analysed" in line else line for line in told.out.splitlines()
    ]
    return asked


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--proposal", "append-tail"),
        ("--proposal", "fred-frame", "--proposal", "insert-head", "--all"),
        ("--kind", "field", "--fail-on", "rebuild"),
        ("--path", "fs", "--verdict", "break", "--exit-zero"),
    ],
)
def test_the_report_is_that_of_an_audit(small: Path, cache: Path, options: tuple[str, ...]) -> None:
    found = same(small, cache, *options)
    assert f"from the audit of {small} on 20" in found.err


def test_a_proposal_of_ones_own(small: Path, cache: Path, tmp_path: Path) -> None:
    assert same(small, cache, "--proposal", proposal(tmp_path / "mine.toml")).report["summary"].keys() == {"mine"}


def test_after_a_header_and_a_tree(small: Path, cache: Path, tmp_path: Path) -> None:
    header = small / "arch/x86/include/asm/ptrace.h"
    (tmp_path / "after.h").write_text(header.read_text().replace("unsigned long r15;", "unsigned long r15, r16;", 1))
    same(small, cache, "--after-header", tmp_path / "after.h")
    other = Path(shutil.copytree(small, tmp_path / "other"))
    shutil.copy(tmp_path / "after.h", other / "arch/x86/include/asm/ptrace.h")
    same(small, cache, "--after-tree", other)


def test_the_tree_may_be_gone(small: Path, cache: Path) -> None:
    first = what_if(cache=cache)
    shutil.rmtree(small)
    assert what_if(small, cache=cache).report == first.report == what_if(cache=cache).report


def test_the_last_audit_unless_a_tree_is_named(small: Path, cache: Path) -> None:
    audit(ROOT / "fixtures/minikernel", "--cache", cache)
    last = what_if(cache=cache)
    assert str(ROOT / "fixtures/minikernel") in last.err
    named = what_if(small, "--build", small, cache=cache)
    assert str(small) in named.err
    assert len(named.report["sites"]) < len(last.report["sites"])
    # To ask again makes it the last one, though nothing changed.
    audit(small, "--cache", cache)
    assert what_if(cache=cache).report == named.report


def test_by_another_name_of_the_tree(small: Path, cache: Path) -> None:
    link = small.parent / "link"
    link.symlink_to(small)
    assert what_if(link, cache=cache).report == what_if(small, cache=cache).report


def test_an_incomplete_audit_stays_incomplete(small: Path) -> None:
    kept = small.parent / "kept"
    with (small / "fs/coredump.c").open("a") as stream:
        stream.write("#error not yet\n")
    assert audit(small, "--cache", kept).code == 3
    assert what_if(cache=kept).code == 3


def test_no_audit(tmp_path: Path) -> None:
    found = what_if(cache=tmp_path / "none")
    assert found.code == 2
    found.complains("no audit is kept in", "run `ptregs-audit audit`")
    assert not (tmp_path / "none").exists()


def test_no_audit_of_that_tree(small: Path, cache: Path) -> None:
    for arguments in ((small.parent,), (small, "--build", small.parent)):
        found = what_if(*arguments, cache=cache)
        assert found.code == 2
        found.complains(f"no audit of {arguments[0]}", f"only of {small}")


def test_facts_of_other_code(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "code_version", lambda: "other")
    found = what_if(cache=cache)
    assert found.code == 2
    found.complains("another version", "run `ptregs-audit audit`")


def test_damaged_facts(cache: Path) -> None:
    database = sqlite3.connect(cache / "facts.sqlite")
    database.execute("UPDATE run SET facts = substr(facts, 1, 1000)")
    database.commit()
    database.close()
    found = what_if(cache=cache)
    assert found.code == 2
    found.complains("run `ptregs-audit audit`")


def test_a_damaged_store_is_left_as_it_is(cache: Path) -> None:
    (cache / "facts.sqlite").write_bytes(b"no database" * 1000)
    found = what_if(cache=cache)
    assert found.code == 2
    found.complains("facts.sqlite", "run `ptregs-audit audit`")
    assert (cache / "facts.sqlite").read_bytes() == b"no database" * 1000


def test_an_unknown_proposal(cache: Path) -> None:
    found = what_if("--proposal", "insert-hed", cache=cache)
    assert found.code == 2
    found.complains("did you mean insert-head?")
