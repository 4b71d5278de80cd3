# SPDX-License-Identifier: GPL-2.0-only
"""One run like another, full disks, and an end before the end."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import jsonschema
import pytest

from tests.e2e.helpers import FLAGS, ROOT, add_unit, audit, spawn
from tests.outcome import Outcome


def test_the_report_is_what_the_schema_says(sound: Outcome) -> None:
    schema = json.loads((ROOT / "auditor/reports/report.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(sound.report)
    assert sound.code == 1
    assert sound.failed == {}


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_any_number_of_workers_gives_the_same_bytes(jobs: int, tree: Path, tmp_path: Path) -> None:
    add_unit(tree, "kernel/broken.c", "struct pt_regs; int x = ;\n")
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    audit(tree, jobs=2, output=one)
    audit(tree, jobs=jobs, output=other)
    assert one.read_bytes() == other.read_bytes()


def test_paths_do_not_say_where_the_tree_lies(tree: Path) -> None:
    add_unit(tree, "kernel/broken.c", "struct pt_regs; int x = ;\n")
    report = audit(tree).report
    report["runs"][0]["target"]["tree"] = ""
    assert str(tree.parent) not in json.dumps(report)


def test_a_full_disk_spares_the_other_reports(tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    found = audit(tree, "-o", "markdown=/dev/full", output=target)
    assert found.code == 3
    found.complains("/dev/full: not written: No space left on device")
    assert found.report["schema_version"] == 1
    assert found.out.startswith("ptregs-audit ")


def children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """A process that has ended and waits to be noticed is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: object, seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(
    ("ends", "whom"), [(signal.SIGINT, "process"), (signal.SIGINT, "group"), (signal.SIGTERM, "process")]
)
def test_who_is_told_to_end_leaves_nothing_behind(
    ends: signal.Signals, whom: str, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    os.mkfifo(tree / "include/linux/fifo.h")
    add_unit(tree, "kernel/added.c", "#include <linux/fifo.h>\nstruct pt_regs;\n", FLAGS)
    target = tmp_path / "report.json"
    # Ignored, and so inherited, where the tests run as a background job.
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = spawn("audit", tree, "--jobs", 2, "-o", f"json={target}", start_new_session=True)
    finally:
        signal.signal(signal.SIGINT, previous)
    workers: list[int] = []

    def working() -> bool:
        workers[:] = children(process.pid)
        # One is blocked in the FIFO; the other has done everything else.
        return len(workers) == 2 and sum(_waits(w) for w in workers) == 2

    assert wait_until(working)
    if whom == "group":
        os.killpg(process.pid, ends)
    else:
        process.send_signal(ends)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 128 + ends
    assert err.strip() == "ptregs-audit: interrupted"
    assert wait_until(lambda: not any(alive(w) for w in workers))
    assert not target.exists()
    assert list(tmp_path.glob(".report.json*")) == list(scratch.iterdir()) == []


def _waits(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"
