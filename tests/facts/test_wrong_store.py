# SPDX-License-Identifier: GPL-2.0-only
"""What becomes of a store that something is wrong with, and of one that several processes use."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.evidence.c.job import Job, Result
from auditor.facts import database as database_module
from auditor.facts.codec import pack, unpack
from tests.facts.keeping import analysed, found, kept, opened

WRONG: dict[str, Callable[[Path], object]] = {
    "noise": lambda p: p.write_bytes(random.Random(1).randbytes(9000)),
    "a page of it overwritten": lambda p: p.write_bytes(p.read_bytes()[:100] + b"\xff" * 3996 + p.read_bytes()[4096:]),
    "another format": lambda p: execute(p, "PRAGMA user_version = 99"),
    "of another program": lambda p: execute(p, "DROP TABLE unit", "CREATE TABLE unit (id)"),
    "a text": lambda p: p.write_text("facts\n" * 100),
}


def execute(path: Path, *statements: str) -> None:
    database = sqlite3.connect(path)
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()


@pytest.mark.parametrize("wrong", WRONG)
def test_a_store_that_is_not_sound_is_begun_anew(path: Path, unit: Job, wrong: str) -> None:
    result = kept(path, unit)
    WRONG[wrong](path)
    store = opened(path)
    assert store.known([unit]) == {}
    store.add(unit, result)
    store.close()
    assert len(store.warnings) == 1
    assert str(path) in store.warnings[0]
    # The next audit finds a sound one, if this one could put the other aside.
    again = opened(path)
    again.add(unit, result)
    again.close()
    assert found(path, unit) == result


def test_a_store_that_is_cut_off(path: Path, unit: Job) -> None:
    """To SQLite that may be an error or an empty table: in either case nothing is found, and the next audit is well."""
    result = kept(path, unit)
    for length in (0, 10, 100, 4096, 5000, path.stat().st_size - 1):
        path.write_bytes(path.read_bytes()[:length])
        store = opened(path)
        assert store.known([unit]) in ({}, {unit.object: result})
        store.add(unit, result)
        store.close()
        opened(path).add(unit, result)
        assert found(path, unit) == result


def test_damaged_rows_are_parsed_again(path: Path, unit: Job) -> None:
    result = kept(path, unit)
    noise = random.Random(2)
    for column in ("inputs", "result", "digest"):
        for damage in (b"", noise.randbytes(50), pack(["no"]), pack(result)[:-3]):
            execute(path)
            database = sqlite3.connect(path)
            database.execute(f"UPDATE unit SET {column} = ?", (damage,))
            database.commit()
            database.close()
            assert found(path, unit) is None
        kept(path, unit)
    assert found(path, unit) == result


def test_what_does_not_unpack() -> None:
    for data in (b"", b"x", pack({"a": 1}), pack([1])):
        with pytest.raises(ValueError):
            unpack(data, tuple[str, ...])


def test_too_large_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.facts.codec.MAX_BYTES", 100)
    with pytest.raises(ValueError, match="larger"):
        unpack(pack(["x" * 200]), tuple[str, ...])


def test_somebody_else_has_it_locked(path: Path, unit: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(path, unit)
    monkeypatch.setattr(database_module, "_BUSY", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    store = opened(path)
    assert store.known([unit]) == {}
    store.add(unit, analysed(unit))
    store.close()
    other.close()
    (warning,) = store.warnings
    assert "locked" in warning
    assert not path.with_suffix(".damaged").exists(), "a sound store was put aside"


def test_a_directory_that_cannot_be_written(path: Path, unit: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    result = kept(path, unit)
    monkeypatch.setattr(os, "access", lambda p, mode: mode != os.W_OK)
    before = path.read_bytes()
    store = opened(path)
    assert store.known([unit]) == {unit.object: result}
    store.add(replace(unit, object="b.o"), result)
    store.close()
    assert (store.warnings, path.read_bytes()) == ([], before)
    path.unlink()
    nothing = opened(path)
    assert (nothing.known([unit]), nothing.warnings, path.exists()) == ({}, [], False)


def test_a_place_that_is_none(tmp_path: Path, unit: Job) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file/facts.sqlite", tmp_path):
        store = opened(path)
        assert store.known([unit]) == {}
        store.add(unit, analysed(unit))
        store.close()
        assert len(store.warnings) == 1
    os.mkfifo(tmp_path / "fifo")
    assert "not a regular file" in opened(tmp_path / "fifo").warnings[0]


def _write_for_ever(path: Path, unit: Job, result: Result) -> None:
    store = opened(path)
    for n in range(1_000_000):
        store.add(replace(unit, object=f"{n % 50}.o"), replace(result, object=f"{n % 50}.o"))


def test_killed_in_the_middle_fifty_times(path: Path, unit: Job) -> None:
    result = kept(path, unit)
    context = multiprocessing.get_context("fork")
    pause = random.Random(3)
    for _ in range(50):
        writer = context.Process(target=_write_for_ever, args=(path, unit, result))
        writer.start()
        time.sleep(pause.uniform(0.001, 0.03))
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        assert found(path, unit) == result
    rows = [replace(unit, object=f"{n}.o") for n in range(50)]
    store = opened(path)
    known = store.known(rows)
    assert store.warnings == []
    assert len(known) > 1, "nothing was ever written"
    assert all(r == replace(result, object=name) for name, r in known.items())
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _write_some(path: Path, unit: Job, result: Result, first: int) -> None:
    store = opened(path)
    for n in range(first, first + 40):
        store.add(replace(unit, object=f"{n}.o"), replace(result, object=f"{n}.o"))
    store.close()
    os._exit(len(store.warnings))


def test_two_audits_at_once(path: Path, unit: Job) -> None:
    result = analysed(unit)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_some, args=(path, unit, result, n)) for n in (0, 40)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert len(opened(path).known([replace(unit, object=f"{n}.o") for n in range(80)])) == 80


def test_rows_of_other_types(path: Path, unit: Job) -> None:
    kept(path, unit)
    for value in ("CAST('x' AS TEXT)", "CAST(x'ff' AS TEXT)", "7", "1.5"):
        execute(path, f"UPDATE unit SET result = {value}, turn = 'zz'")
        assert found(path, unit) is None
    kept(path, unit)


def _open_only(path: Path) -> None:
    store = opened(path)
    os._exit(len(store.warnings))


def test_two_audits_begin_at_once(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for _ in range(20):
        path.unlink(missing_ok=True)
        both = [context.Process(target=_open_only, args=(path,)) for _ in range(2)]
        for one in both:
            one.start()
        for one in both:
            one.join()
            assert one.exitcode == 0
        assert not path.with_suffix(".damaged").exists()
