# SPDX-License-Identifier: GPL-2.0-only
"""A unit that crashes libclang, ends its worker or never ends is lost alone."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.evidence import pool
from auditor.evidence.c.job import Job, Prelude, Result
from auditor.evidence.c.unit import Analyser
from auditor.kinds.dispatch import table
from tests.evidence.snippets import PRELUDE, job, write

Analyse = Callable[[Analyser, Job], Result]


def die(signal_number: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if signal_number != signal.SIGKILL:
        # Not pytest's own handler, which writes a traceback.
        signal.signal(signal_number, signal.SIG_DFL)
    os.kill(os.getpid(), signal_number)
    time.sleep(60)


ENDS: dict[str, Callable[[], None]] = {
    "exit": lambda: os._exit(0),
    "crash": lambda: die(signal.SIGSEGV),
    "killed": lambda: die(signal.SIGKILL),
}


def jobs(directory: Path, count: int, bad: tuple[int, ...]) -> list[Job]:
    names = [f"bad{n}.c" if n in bad else f"good{n}.c" for n in range(count)]
    code = PRELUDE + "unsigned long f(struct pt_regs *regs) { return regs->ip; }\n"
    write(directory, dict.fromkeys(names, code))
    return [job(directory, n) for n in names]


def ending(how: Callable[[], None]) -> Analyse:
    """The real analysis, except for units named bad*.c."""
    real = Analyser.analyse

    def analyse(self: Analyser, unit: Job) -> Result:
        if Path(unit.source).name.startswith("bad"):
            how()
        return real(self, unit)

    return analyse


def run(work: list[Job], workers: int = 2) -> tuple[dict[str, Result], list[tuple[int, int, str]]]:
    said: list[tuple[int, int, str]] = []
    results = list(pool.analyse_all(work, workers, table(), None, lambda *progress: said.append(progress)))
    assert len(results) == len(work)
    return {Path(r.source).name: r for r in results}, said


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("workers", [1, 2])
def test_only_the_unit_that_crashes_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, workers: int
) -> None:
    monkeypatch.setattr(Analyser, "analyse", ending(ENDS[how]))
    results, said = run(jobs(tmp_path, 6, (2,)), workers)
    lost = results.pop("bad2.c")
    assert "crashed" in lost.error and lost.object == "bad2.c.o" and lost.found == ()
    for name, result in results.items():
        assert result.error == "", name
        assert [f.site.rule for f in result.found if f.site.file == name] == ["field/read"]
    assert [done for done, _, _ in said] == [1, 2, 3, 4, 5, 6]
    assert {total for _, total, _ in said} == {6}
    assert len({source for _, _, source in said}) == 6


def test_a_bug_of_ours_is_named_and_loses_one_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug() -> None:
        raise IndexError("odd tree")

    monkeypatch.setattr(Analyser, "analyse", ending(bug))
    results, said = run(jobs(tmp_path, 4, (1,)))
    assert {n for n, r in results.items() if r.error} == {"bad1.c"}
    assert "IndexError: odd tree" in results["bad1.c"].error
    assert len(said) == 4


def test_a_tree_that_is_too_deep_loses_one_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_DEPTH", 500)
    work = jobs(tmp_path, 3, ())
    deep = "regs->ip" + " + 1" * 800
    write(tmp_path, {"good1.c": PRELUDE + f"unsigned long f(struct pt_regs *regs) {{ return {deep}; }}\n"})
    results, _ = run(work)
    assert {n for n, r in results.items() if r.error} == {"good1.c"}


def test_what_is_shared_is_not_tried_again_after_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prelude that kills its worker would kill the next one, too."""
    seen = tmp_path / "seen"

    def analyse(self: Analyser, one: Job) -> Result:
        with seen.open("a") as stream:
            stream.write("shared\n" if one.prelude else "alone\n")
        if one.prelude:
            os.kill(os.getpid(), signal.SIGKILL)
        return Result(one.object, one.source)

    monkeypatch.setattr(Analyser, "analyse", analyse)
    made = [replace(j, prelude=Prelude((), ())) for j in jobs(tmp_path, 8, ())]
    results, _ = run(made)
    assert [r.error for r in results.values()] == [""] * 8
    assert 1 <= seen.read_text().split().count("shared") <= 2


def test_several_crashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Analyser, "analyse", ending(ENDS["exit"]))
    results, _ = run(jobs(tmp_path, 7, (0, 3, 6)))
    assert {n for n, r in results.items() if r.error} == {"bad0.c", "bad3.c", "bad6.c"}


def test_a_unit_over_the_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Analyser, "analyse", ending(lambda: time.sleep(60)))
    monkeypatch.setattr(pool, "TIME_LIMIT", 3)
    results, _ = run(jobs(tmp_path, 4, (1,)))
    assert {n for n, r in results.items() if r.error} == {"bad1.c"}
    assert "longer than 3 s" in results["bad1.c"].error


def test_the_limit_is_for_one_unit_not_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Analyser, "analyse", ending(lambda: time.sleep(1.2)))
    monkeypatch.setattr(pool, "TIME_LIMIT", 3)
    results, _ = run(jobs(tmp_path, 3, (0, 1, 2)), 1)
    assert [r.error for r in results.values()] == ["", "", ""]


def test_a_unit_over_the_memory_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Analyser, "analyse", ending(lambda: bytearray(pool.MEMORY_LIMIT + 1 << 30).clear()))
    results, _ = run(jobs(tmp_path, 3, (1,)))
    assert {n: r.error for n, r in results.items() if r.error} == {"bad1.c": "it takes more than 6 GiB to analyse"}


def sharing(*names: str) -> list[Job]:
    """Units named after what they share and a number; "-" shares nothing."""
    shared = {n: None if n == "-" else Prelude((n,), ()) for n in names}
    made = Job("", "", "/", (), "/", "pt_regs", "x86_64", frozenset())
    return [replace(made, object=f"{n}{i}", prelude=shared[n]) for i, n in enumerate(names)]


def test_a_worker_stays_with_what_it_shares() -> None:
    a, b = Prelude(("a",), ()), Prelude(("b",), ())
    waiting = pool._Waiting(sharing("-", "b", "a", "a", "b", "a"))
    taken = [waiting.next(p) for p in (None, None, a, b, a, b, a)]
    # The largest first, then the one that nobody has; each stays with its own; what shares nothing fills up.
    assert [j and j.object for j in taken] == ["a2", "b1", "a3", "b4", "a5", "-0", None]


def test_at_the_end_workers_help_each_other() -> None:
    waiting = pool._Waiting(sharing("a", "a", "a"))
    taken = [waiting.next(p) for p in (None, None)]
    assert [j and j.object for j in taken] == ["a0", "a1"]


def test_nothing_to_do() -> None:
    assert list(pool.analyse_all([], 2, table(), None, lambda *_: None)) == []


def test_a_worker_that_is_killed_while_idle_is_replaced(tmp_path: Path) -> None:
    results = pool.analyse_all(jobs(tmp_path, 3, ()), 1, table(), None, lambda *_: None)
    errors = [next(results).error]
    for child in multiprocessing.active_children():
        child.kill()
        child.join()
    errors += [r.error for r in results]
    assert errors == ["", "", ""]
