# SPDX-License-Identifier: GPL-2.0-only
"""The facts of whole audits: they come back as they were, or not at all."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from auditor import arch as archs
from auditor.collect import AuditRequest, collect
from auditor.data import minikernel_dir
from auditor.facts import database as database_module
from auditor.facts import runs as runs_module
from auditor.facts.codec import pack, unpack_facts
from auditor.facts.database import Database
from auditor.facts.outside import Outside, Watch
from auditor.facts.runs import Basis, Runs, Told, digest_of, packed_directories
from auditor.kernel.snapshot import take
from auditor.kernel.tree import open_build, open_tree
from auditor.model import Facts, Target
from tests.facts.test_wrong_store import execute

DIRECTORIES = {"/t": b"\0\0\0\0", "/t/\udcff": b"1234", "/t/b": b""}
BASIS = Basis(True, True, Outside({"/o": "00"}, {"/l": "/t"}, ("/s",), ("n.h",), "ff"), {"aa": "bb"}, ("n.h",))
TOLD = Told(Target("pt_regs", "x86_64", "t", "6.1", "c0ffee"), 1.5)
KEY = b"0123456789abcdef"


@pytest.fixture(scope="module")
def facts() -> Facts:
    tree = open_tree(minikernel_dir())
    arch = archs.by_id("x86_64")
    return collect(AuditRequest(tree.root), tree, open_build(tree, None, arch), arch, lambda *_: None)


def keep(path: Path, facts: Facts, key: bytes = KEY, tree: str = "/t", code: str = "1") -> Database:
    database = Database(path)
    Runs(database, code).keep(key, tree, "/b", packed_directories(DIRECTORIES), BASIS, TOLD, facts)
    return database


def last(path: Path, tree: str | None = None, code: str = "1") -> tuple[Told, Facts] | None:
    database = Database(path, write=False)
    found = Runs(database, code).last(tree, None)
    database.close()
    return found


def test_facts_come_back_as_they_were(facts: Facts) -> None:
    assert any(s.guard for s in facts.sites) and any(s.traits for s in facts.sites)
    assert facts.functions and facts.coverage.uncovered and facts.example is not None
    assert unpack_facts(pack(facts)) == facts


def test_all_of_a_run_comes_back(path: Path, facts: Facts) -> None:
    runs = Runs(keep(path, facts), "1")
    digest = digest_of(packed_directories(DIRECTORIES))
    assert runs.basis(KEY) == (digest, BASIS)
    assert runs.facts(KEY) == facts
    assert runs.directories(digest) == DIRECTORIES
    assert runs.last(None, None) == runs.last("/t", "/b") == (TOLD, facts)
    assert runs.last("/other", None) is None and runs.last("/t", "/other") is None
    assert (runs.trees(), runs.others()) == (["/t"], False)
    assert Runs(Database(path), "2").last(None, None) is None and Runs(Database(path), "2").others()


def test_a_name_that_is_no_text_is_not_kept(path: Path, facts: Facts) -> None:
    odd = replace(facts, sites=(replace(facts.sites[0], file="\udcff.c"), *facts.sites[1:]))
    assert Runs(keep(path, odd), "1").facts(KEY) is None


def test_the_oldest_go_and_their_snapshots(path: Path, facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "_KEPT", 2)
    for n in range(4):
        database = Database(path)
        directories = packed_directories({"/t": bytes([n])})
        Runs(database, "1").keep(bytes([n]), f"/{n}", "", directories, BASIS, TOLD, facts)
        Runs(database, "1").renew(bytes([0]), TOLD)
        database.close()
    database = Database(path)
    assert Runs(database, "1").trees() == ["/0", "/3"]
    assert len(database.rows("SELECT * FROM snapshot")) == 2


@pytest.mark.parametrize("column", ["basis", "facts", "target"])
@pytest.mark.parametrize("damage", ["x''", "x'00'", "'text'", "substr(facts, 1, 500)", "snapshot"])
def test_damaged_rows(path: Path, facts: Facts, column: str, damage: str) -> None:
    keep(path, facts).close()
    execute(path, f"UPDATE run SET {column} = {damage}")
    runs = Runs(Database(path), "1")
    assert (runs.basis(KEY) is None) == (column == "basis")
    assert (runs.facts(KEY) is None) == (column == "facts")
    assert (runs.last(None, None) is None) == (column != "basis")


@pytest.mark.parametrize("damage", ["x''", "substr(directories, 2)", "'text'"])
def test_a_damaged_snapshot(path: Path, facts: Facts, damage: str) -> None:
    keep(path, facts).close()
    execute(path, f"UPDATE snapshot SET directories = {damage}")
    assert Runs(Database(path), "1").directories(digest_of(packed_directories(DIRECTORIES))) == {}


def _keep_for_ever(path: Path, facts: Facts) -> None:
    for n in range(1_000_000):
        keep(path, facts, bytes([n % 5]), f"/{n % 5}").close()


def test_killed_in_the_middle_fifty_times(path: Path, facts: Facts) -> None:
    keep(path, facts).close()
    context = multiprocessing.get_context("fork")
    pause = random.Random(5)
    for _ in range(50):
        writer = context.Process(target=_keep_for_ever, args=(path, facts))
        writer.start()
        time.sleep(pause.uniform(0.001, 0.03))
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        assert last(path, "/t") == (TOLD, facts)
    database = Database(path)
    assert database.warnings == []
    assert len(Runs(database, "1").trees()) > 1, "nothing was ever written"
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    snapshots = {row[0] for row in database.rows("SELECT snapshot FROM run")}
    assert snapshots == {row[0] for row in database.rows("SELECT digest FROM snapshot")}


def _keep_some(path: Path, facts: Facts, names: list[str]) -> None:
    for name in names:
        keep(path, facts, name.encode(), f"/{name}").close()


def test_two_processes_at_once(path: Path, facts: Facts) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_keep_some, args=(path, facts, [f"{w}{n}" for n in range(4)])) for w in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert Runs(Database(path), "1").trees() == sorted(f"/{w}{n}" for w in "ab" for n in range(4))


def test_a_store_that_is_only_read(path: Path, facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(path, facts).close()
    before = path.read_bytes()
    monkeypatch.setattr(os, "access", lambda p, mode: mode != os.W_OK)
    database = keep(path, facts, b"more", "/more")
    database.close()
    assert database.warnings == []
    assert path.read_bytes() == before
    assert last(path) == (TOLD, facts)


def test_a_store_that_is_locked(path: Path, facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(path, facts).close()
    monkeypatch.setattr(database_module, "_BUSY", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    database = keep(path, facts)
    other.close()
    assert "locked" in database.warnings[0]


def test_what_lies_outside(tmp_path: Path) -> None:
    for name in ("tree/include", "far/one", "far/two"):
        (tmp_path / name).mkdir(parents=True)
    far = tmp_path / "far"
    (far / "m.c").write_text("")
    (far / "two/x.h").write_text("")
    (tmp_path / "alias").symlink_to(tmp_path / "tree")
    time.sleep(0.05)
    now = take([str(tmp_path / "tree")], time.time())

    def watched() -> Outside:
        watch = Watch(now)
        watch.files([str(far / "m.c"), str(far / "none.c"), str(tmp_path / "tree/a.c"), str(tmp_path / "alias/a.c")])
        places = [str(far / "one"), str(far / "two"), str(tmp_path / "tree/include"), str(tmp_path / "alias/include")]
        return watch.outside(places, ["x.h", "sub/y.h"])

    found = watched()
    assert set(found.files) == {str(far / "m.c"), str(far / "none.c")}
    assert found.searched == (str(far / "one"), str(far / "two"))
    assert set(found.links) == {str(tmp_path / "alias"), str(tmp_path / "alias/include")}
    assert found.settled and found.changed(now.limit) == frozenset()
    (far / "none.c").write_text("")
    assert found.changed(now.limit) == frozenset({str(far / "none.c")})
    (far / "one/x.h").write_text("")
    assert found.changed(now.limit) is None
    assert not watched().settled
    (far / "one/x.h").unlink()
    (tmp_path / "alias").unlink()
    (tmp_path / "alias").symlink_to(far)
    assert found.changed(now.limit) is None
