# SPDX-License-Identifier: GPL-2.0-only
"""The facts store: what is found again, and what is not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from auditor import arch as archs
from auditor.data import minikernel_dir
from auditor.evidence.c.job import Job
from auditor.evidence.c.unit import Analyser
from auditor.facts import units
from auditor.facts.codec import pack
from auditor.facts.units import unpack_result
from auditor.facts.version import version_of
from auditor.jobs import make_jobs
from auditor.kernel.discover import discover
from auditor.kernel.tree import open_build, open_tree
from auditor.kinds.dispatch import table
from tests.evidence.snippets import write
from tests.facts.keeping import SOURCE, analysed, found, kept, opened


def test_what_was_kept_is_found(path: Path, unit: Job) -> None:
    assert found(path, unit) is None
    result = kept(path, unit)
    assert found(path, unit) == result
    assert found(path, replace(unit, prelude=None)) == result


def test_every_fact_of_the_minikernel_comes_back_as_it_was() -> None:
    tree = open_tree(minikernel_dir())
    build = open_build(tree)
    jobs = make_jobs(discover(tree, build).units, "pt_regs", tree, archs.by_id("x86_64"))
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
    first = version_of(package, rules)
    (package / "reports/r.py").write_text("2")
    (rules / "field.toml").write_text("2")
    assert version_of(package, rules) == first
    (package / "kinds/a.py").write_text("2")
    second = version_of(package, rules)
    (rules / "arch/x.toml").write_text("2")
    assert len({first, second, version_of(package, rules)}) == 3


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
    monkeypatch.setattr(units, "_KEPT", 2)
    result = analysed(unit)
    for n in range(4):
        store = opened(path)
        store.known([replace(unit, object="0.o")])
        store.add(replace(unit, object=f"{n}.o"), replace(result, object=f"{n}.o"))
        store.close()
    left = opened(path).known([replace(unit, object=f"{n}.o") for n in range(4)])
    assert set(left) == {"0.o", "3.o"}


def test_a_name_that_is_not_unicode_is_not_kept(path: Path, unit: Job) -> None:
    store = opened(path)
    store.add(unit, replace(analysed(unit), handed_on=("\udcff",)))
    store.close()
    assert (found(path, unit), store.warnings) == (None, [])


def test_the_oldest_units_go(path: Path, unit: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "_KEPT", 2)
    result = analysed(unit)
    for n in range(4):
        store = opened(path)
        store.add(replace(unit, object=f"{n}.o"), result)
        store.close()
    left = opened(path).known([replace(unit, object=f"{n}.o") for n in range(4)])
    assert set(left) == {"2.o", "3.o"}
