# SPDX-License-Identifier: GPL-2.0-only
"""The facts store: what is found again, what is not, and what becomes of a store that something is wrong with."""

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

from auditor import arch as archs
from auditor.collect import AuditRequest, make_jobs
from auditor.data import minikernel_dir
from auditor.evidence.c.job import Job, Result
from auditor.evidence.c.unit import Analyser
from auditor.facts import store as store_module
from auditor.facts.codec import pack, unpack, unpack_result
from auditor.facts.store import Store, facts_version
from auditor.kernel.discover import discover
from auditor.kernel.tree import open_build, open_tree
from auditor.kinds.dispatch import table
from tests.evidence.snippets import PRELUDE, job, write

ASKED = "#if __has_include(<asked.h>)\nint asked;\n#endif\n"
SOURCE = (
    PRELUDE + ASKED + '#include "own.h"\n#include <found.h>\nlong f(struct pt_regs *regs) { return regs->ip + OWN; }\n'
)


@pytest.fixture
def unit(tmp_path: Path) -> Job:
    write(tmp_path, {"a.c": SOURCE, "own.h": "#define OWN 1\n", "two/found.h": "\n", "one/other.h": "\n"})
    (tmp_path / "one/found.h").symlink_to(tmp_path / "nowhere.h")
    return job(tmp_path, "a.c", f"-isystem{tmp_path}/two", f"-I{tmp_path}/one")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache/facts.sqlite"


def opened(path: Path, version: str = "1", started: float | None = None) -> Store:
    return Store(path, version, time.time() + 60 if started is None else started)


def analysed(unit: Job) -> Result:
    result = Analyser(table()).analyse(unit)
    assert result.error == ""
    return result


def kept(path: Path, unit: Job) -> Result:
    result = analysed(unit)
    store = opened(path)
    store.add(unit, result)
    store.close()
    assert store.warnings == []
    return result


def found(path: Path, unit: Job, version: str = "1") -> Result | None:
    store = opened(path, version)
    result = store.known([unit]).get(unit.object)
    store.close()
    assert store.warnings == []
    return result


def test_what_was_kept_is_found(path: Path, unit: Job) -> None:
    assert found(path, unit) is None
    result = kept(path, unit)
    assert found(path, unit) == result
    assert found(path, replace(unit, prelude=None)) == result


def test_every_fact_of_the_minikernel_comes_back_as_it_was() -> None:
    tree = open_tree(minikernel_dir())
    build = open_build(tree)
    jobs = make_jobs(discover(tree, build).units, AuditRequest(tree.root), tree, archs.by_id("x86_64"))
    results = [Analyser(table()).analyse(j) for j in jobs]
    sites = [f.site for r in results for f in r.found]
    assert any(s.guard for s in sites) and any(s.traits for s in sites) and any(s.bytes for s in sites)
    assert [unpack_result(pack(r)) for r in results] == results


def anew(path: Path) -> None:
    path.unlink()
    path.write_text("\n")


CHANGES: dict[str, Callable[[Path], object]] = {
    "the source": lambda d: (d / "a.c").write_text(SOURCE + "\n"),
    "a header beside it": lambda d: (d / "own.h").write_text("#define OWN 2\n"),
    "a header that is found": lambda d: (d / "two/found.h").write_text("int x;\n"),
    "a header that is gone": lambda d: (d / "own.h").unlink(),
    "a header in an earlier directory": lambda d: anew(d / "one/found.h"),
    "a header beside the source": lambda d: (d / "asked.h").write_text("\n"),
    "a header that a link leads to": lambda d: (d / "nowhere.h").write_text("\n"),
    "a header that was asked for": lambda d: (d / "two/asked.h").write_text("\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_is_not_found(tmp_path: Path, path: Path, unit: Job, change: str) -> None:
    kept(path, unit)
    CHANGES[change](tmp_path)
    assert found(path, unit) is None


@pytest.mark.parametrize("change", ["one/other.h", "unrelated.c"])
def test_what_a_unit_did_not_read_may_change(tmp_path: Path, path: Path, unit: Job, change: str) -> None:
    result = kept(path, unit)
    (tmp_path / change).write_text("int y;\n")
    assert found(path, unit) == result


def test_touching_is_no_change(tmp_path: Path, path: Path, unit: Job) -> None:
    result = kept(path, unit)
    os.utime(tmp_path / "a.c", (1, 1))
    assert found(path, unit) == result


def test_another_command_is_another_unit(path: Path, unit: Job) -> None:
    kept(path, unit)
    assert found(path, replace(unit, arguments=(*unit.arguments, "-DMORE"))) is None
    assert found(path, replace(unit, struct="other")) is None
    assert found(path, replace(unit, asm_filled=frozenset({"ftrace_regs"}))) is None
    assert found(path, unit, version="2") is None


def test_the_version_is_that_of_all_that_makes_facts(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"p/kinds/a.py": "1", "p/model.py": "1", "p/reports/r.py": "1", "r/arch/x.toml": "", "r/field.toml": ""},
    )
    package, rules = tmp_path / "p", tmp_path / "r"
    first = facts_version(package, rules, "clang 18")
    (package / "reports/r.py").write_text("2")
    (rules / "field.toml").write_text("2")
    assert facts_version(package, rules, "clang 18") == first
    assert facts_version(package, rules, "clang 19") != first
    (package / "kinds/a.py").write_text("2")
    second = facts_version(package, rules, "clang 18")
    (rules / "arch/x.toml").write_text("2")
    assert len({first, second, facts_version(package, rules, "clang 18")}) == 3


def test_a_unit_that_failed_is_not_kept(path: Path, unit: Job) -> None:
    store = opened(path)
    store.add(unit, replace(analysed(unit), error="a.c:1: no"))
    store.close()
    assert found(path, unit) is None


def test_what_changes_during_the_audit_is_not_kept(tmp_path: Path, path: Path, unit: Job) -> None:
    store = opened(path, started=time.time() - 5)
    store.add(unit, analysed(unit))
    store.close()
    assert found(path, unit) is None


@pytest.mark.parametrize("change", ["one/found.h", "asked.h", "two/more.h"])
def test_what_comes_during_the_audit_is_no_part_of_it(tmp_path: Path, path: Path, unit: Job, change: str) -> None:
    """The unit was parsed without it: its facts must not be kept as if it had been there."""
    store = opened(path, started=_settled())
    result = analysed(unit)
    (tmp_path / change).unlink(missing_ok=True)
    (tmp_path / change).write_text("\n")
    store.add(unit, result)
    store.close()
    assert found(path, unit) is None


def test_a_directory_that_is_swapped_during_the_audit(tmp_path: Path, path: Path, unit: Job) -> None:
    write(tmp_path, {"new/found.h": "int other;\n"})
    store = opened(path, started=_settled())
    result = analysed(unit)
    (tmp_path / "two").rename(tmp_path / "old")
    (tmp_path / "new").rename(tmp_path / "two")
    store.add(unit, result)
    store.close()
    assert found(path, unit) is None


def _settled() -> float:
    """A time after which no file has changed, in the clock of files."""
    time.sleep(0.05)
    return time.time()


def test_units_in_use_stay(path: Path, unit: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_KEPT", 2)
    result = analysed(unit)
    for n in range(4):
        store = opened(path)
        store.known([replace(unit, object="0.o")])
        store.add(replace(unit, object=f"{n}.o"), replace(result, object=f"{n}.o"))
        store.close()
    left = opened(path).known([replace(unit, object=f"{n}.o") for n in range(4)])
    assert set(left) == {"0.o", "3.o"}


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


def test_a_name_that_is_not_unicode_is_not_kept(path: Path, unit: Job) -> None:
    store = opened(path)
    store.add(unit, replace(analysed(unit), handed_on=("\udcff",)))
    store.close()
    assert (found(path, unit), store.warnings) == (None, [])


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
    monkeypatch.setattr(store_module, "_BUSY", 0.05)
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


def test_the_oldest_units_go(path: Path, unit: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_KEPT", 2)
    result = analysed(unit)
    for n in range(4):
        store = opened(path)
        store.add(replace(unit, object=f"{n}.o"), result)
        store.close()
    left = opened(path).known([replace(unit, object=f"{n}.o") for n in range(4)])
    assert set(left) == {"2.o", "3.o"}
