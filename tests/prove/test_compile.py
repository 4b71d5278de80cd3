# SPDX-License-Identifier: GPL-2.0-only
"""One run of a compiler: its limits, its environment, its errors. The compilers here are small shell scripts."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from auditor.prove.compile import Compilers, Limits, Ran


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "gcc"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def ran(tmp_path: Path, text: str, limits: Limits = Limits(60, 2048)) -> Ran:  # noqa: B008
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return Compilers(limits).run([script(tmp_path, text), "-c", "a b.c"], str(tmp_path), scratch)


def test_words_stay_words_and_the_directory_is_the_units(tmp_path: Path) -> None:
    assert not ran(tmp_path, f'[ "$1" = -c ] && [ "$2" = "a b.c" ] && [ "$PWD" = {tmp_path} ]').failed


def test_nothing_of_the_users_environment_steers_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPENDENCIES_OUTPUT", "/etc/x")
    monkeypatch.setenv("CPATH", "/tmp")
    monkeypatch.setenv("PATH", ".:/usr/bin::/bin:bin")
    found = ran(tmp_path, 'echo "$CPATH$DEPENDENCIES_OUTPUT<$TMPDIR><$SOURCE_DATE_EPOCH><$PATH>"')
    assert found.messages == f"<{tmp_path}/scratch><0></usr/bin:/bin>\n"


def test_the_first_error_is_the_reason(tmp_path: Path) -> None:
    found = ran(tmp_path, 'echo "a.c: In function x:" >&2; echo "a.c:3:7: error: no such thing" >&2; exit 1')
    assert found.failed == "a.c:3: no such thing" and not found.stopped


def test_a_failure_without_an_error_line_says_what_there_is(tmp_path: Path) -> None:
    assert ran(tmp_path, "echo gcc: fatal: cannot do this; exit 1").failed.endswith("gcc: fatal: cannot do this")
    assert ran(tmp_path, "exit 4").failed.endswith("exit code 4")


def test_too_slow(tmp_path: Path) -> None:
    found = ran(tmp_path, "sleep 60 & sleep 60", Limits(1, 2048))
    assert found.failed == "takes longer than 1 seconds (--time-limit)" and found.stopped


def test_too_much_processor_time(tmp_path: Path) -> None:
    found = ran(tmp_path, "kill -XCPU $$")
    assert "--time-limit" in found.failed and found.stopped


def test_too_large(tmp_path: Path) -> None:
    found = ran(tmp_path, "echo 'cc1: out of memory allocating 65536 bytes' >&2; exit 1", Limits(60, 100))
    assert found.failed == "needs more than 100 MiB of memory (--memory-limit)" and found.stopped


def test_the_limit_of_memory_is_one(tmp_path: Path) -> None:
    assert ran(tmp_path, "ulimit -v", Limits(60, 100)).messages == f"{100 << 10}\n"


def test_a_crash_is_no_statement_about_the_code(tmp_path: Path) -> None:
    found = ran(tmp_path, "kill -SEGV $$")
    assert found.failed == "the compiler was ended by signal 11" and found.stopped


def test_what_cannot_be_started_is_told(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    found = Compilers(Limits()).run(["/bin/true"], str(tmp_path / "gone"), scratch)
    assert "cannot be started" in found.failed and found.stopped


def test_closing_ends_what_runs(tmp_path: Path) -> None:
    compilers = Compilers(Limits(60, 2048))
    found: list[Ran] = []
    started = tmp_path / "started"
    command = [script(tmp_path, f"touch {started}; sleep 60")]
    thread = threading.Thread(target=lambda: found.append(compilers.run(command, str(tmp_path), tmp_path)))
    thread.start()
    while not started.exists():
        thread.join(0.01)
    compilers.close()
    thread.join(30)
    assert found[0].stopped
    assert compilers.run(command, str(tmp_path), tmp_path).failed == "interrupted"
