# SPDX-License-Identifier: GPL-2.0-only
"""`baseline create`, `update` and `show`, and `audit --baseline`, on audits that take no time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.program import run
from auditor.reports.read import read
from tests.cli.fake import BOTH, CLEAN, COMPLETE, FAILED, FINDINGS
from tests.reports.factory import BPF, MACRO, OFFSET, READ, make_report

Audit = Callable[[Any], None]
MORE = make_report(OFFSET, BPF, MACRO, coverage=COMPLETE)
FEWER = make_report(READ, coverage=COMPLETE)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # Nobody's git configuration but the test's own.
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return tmp_path / "b.json"


def create(path: Path, *more: str, reason: str = "known") -> int:
    return run(["baseline", "create", "--baseline", str(path), "--reason", reason, "--author", "A", *more])


def entries(path: Path) -> list[tuple[str, str, str]]:
    found = json.loads(path.read_text())["findings"]
    return [(e["rule"], e["reason"], e["author"]) for e in found]


@pytest.fixture
def known(path: Path, audit: Audit, capsys: pytest.CaptureFixture[str]) -> Path:
    """A baseline with the one finding of FINDINGS."""
    audit(FINDINGS)
    assert create(path) == 0
    assert capsys.readouterr() == (f"{path}: 1 finding: 1 added, 0 kept\n", "")
    return path


def test_create(known: Path) -> None:
    assert entries(known) == [("raw-offset/constant", "known", "A")]


def test_create_replaces_nothing_without_force(known: Path, audit: Audit, capsys: pytest.CaptureFixture[str]) -> None:
    audit(MORE)
    before = known.read_bytes()
    assert create(known) == 2
    assert "is there already" in capsys.readouterr().err
    assert known.read_bytes() == before
    assert create(known, "--force") == 0
    assert len(entries(known)) == 2


def test_the_same_bytes_again(known: Path) -> None:
    before = known.read_bytes()
    assert create(known, "--force") == 0
    assert known.read_bytes() == before
    assert run(["baseline", "update", "--baseline", str(known)]) == 0
    assert known.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 0),
        (["--strict"], 0),
        (["--fail-on", "review"], 1),
        (["--fail-on", "review", "--kind", "raw-offset"], 0),
        (["--fail-on", "review", "--exit-zero"], 0),
    ],
)
def test_an_audit_fails_on_what_is_new(known: Path, options: list[str], code: int) -> None:
    assert run(["audit", "--baseline", str(known), *options]) == code


@pytest.mark.parametrize(
    ("outcome", "options", "code"),
    [
        (MORE, [], 1),
        (MORE, ["--path", "lib"], 0),
        (FEWER, [], 0),
        (FEWER, ["--strict"], 1),
        (FEWER, ["--strict", "--exit-zero"], 0),
        (FEWER, ["--strict", "--path", "lib"], 1),
        (FEWER, ["--strict", "--path", "arch"], 0),
        (FAILED, ["--strict"], 3),
        (BOTH, [], 3),
    ],
)
def test_another_day(known: Path, audit: Audit, outcome: Any, options: list[str], code: int) -> None:
    audit(outcome)
    assert run(["audit", "--baseline", str(known), *options]) == code


def test_what_is_said(known: Path, audit: Audit, capsys: pytest.CaptureFixture[str]) -> None:
    audit(make_report(BPF, MACRO, coverage=COMPLETE))
    assert run(["audit", "--baseline", str(known)]) == 1
    out = capsys.readouterr().out
    assert "2 sites; 1 with a verdict of break under some proposal: 1 new, 0 in the baseline." in out
    assert "  findings by proposal: 1 new, 0 unchanged, 0 fixed, 1 stale\n" in out
    assert "  stale  lib/raw.c in f  raw-offset/constant" in out
    assert "`ptregs-audit baseline update` drops what is fixed or stale" in out


def test_update(known: Path, audit: Audit, capsys: pytest.CaptureFixture[str]) -> None:
    audit(make_report(BPF, MACRO, coverage=COMPLETE))
    arguments = ["baseline", "update", "--baseline", str(known), "--reason", " seen\n by me ", "--author", "B"]
    assert run(arguments) == 0
    assert capsys.readouterr().out == f"{known}: 1 finding: 1 added, 0 kept, dropped: 1 stale\n"
    assert entries(known) == [("stack-position/below", "seen by me", "B")]


def test_an_update_with_news_needs_a_reason(known: Path, audit: Audit, capsys: pytest.CaptureFixture[str]) -> None:
    audit(MORE)
    before = known.read_bytes()
    assert run(["baseline", "update", "--baseline", str(known), "--author", "B"]) == 2
    assert "1 new finding to accept, and no reason" in capsys.readouterr().err
    assert known.read_bytes() == before


def test_the_author_is_gits_and_none_is_invented(path: Path, audit: Audit, capsys: pytest.CaptureFixture[str]) -> None:
    audit(FINDINGS)
    arguments = ["baseline", "create", "--baseline", str(path), "--reason", "known"]
    assert run(arguments) == 2
    assert "give --author NAME, or set git's user.name" in capsys.readouterr().err
    assert not path.exists()
    subprocess.run(["git", "config", "--global", "user.name", "A U Thor"], check=True)
    assert run(arguments) == 0
    assert entries(path)[0][2] == "A U Thor"
    subprocess.run(["git", "config", "--global", "user.email", "a@example.org"], check=True)
    assert run([*arguments, "--force"]) == 0
    assert entries(path)[0][2] == "A U Thor <a@example.org>"


def test_what_is_not_whole_is_said_and_drops_nothing(
    known: Path, audit: Audit, capsys: pytest.CaptureFixture[str]
) -> None:
    before = known.read_bytes()
    audit(FAILED)
    assert run(["baseline", "update", "--baseline", str(known)]) == 3
    assert "1 unit could not be analysed" in capsys.readouterr().err
    assert known.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["baseline"],
        ["baseline", "nonsense"],
        ["baseline", "create"],
        ["baseline", "create", "--baseline", "n.json"],
        ["baseline", "create", "--baseline", "n.json", "--reason", " "],
        ["baseline", "create", "--baseline", "n.json", "--reason", "x" * 1001],
        ["baseline", "create", "--baseline", ".", "--reason", "x", "--force"],
        ["baseline", "create", "--baseline", "no/where.json", "--reason", "x"],
        ["baseline", "update"],
        ["baseline", "update", "--baseline", "none.json"],
        ["baseline", "update", "--baseline", "damaged.json"],
        ["baseline", "update", "--baseline", "b.json", "--struct", "other"],
        ["baseline", "show"],
        ["baseline", "show", "--baseline", "damaged.json"],
        ["audit", "--baseline", "none.json"],
        ["audit", "--baseline", "damaged.json"],
        ["audit", "--baseline", "b.json", "--arch", "arm64"],
        ["audit", "--baseline", "b.json", "-o", "json=b.json"],
        ["audit", "--baseline", "b.json", "-o", "json=./../{}/b.json"],
        ["audit", "--compdb", "damaged.json", "-o", "text=damaged.json"],
        ["audit", "--proposal", "damaged.json", "-o", "text=damaged.json"],
    ],
)
def test_bad_input_is_two_before_any_audit(
    known: Path, audit: Audit, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    audit(RuntimeError("must not be reached"))
    (known.parent / "damaged.json").write_text("{")
    before = {p: p.read_bytes() for p in known.parent.glob("*.json")}
    assert run([a.format(known.parent.name) for a in arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, "internal error" in err) == ("", False)
    assert {p: p.read_bytes() for p in known.parent.glob("*.json")} == before


def test_a_full_disk(path: Path, audit: Audit, capsys: pytest.CaptureFixture[str]) -> None:
    audit(FINDINGS)
    assert create(Path("/dev/full"), "--force") == 3
    assert capsys.readouterr().err == "ptregs-audit: /dev/full: not written: No space left on device\n"


def test_show(known: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known.write_text(known.read_text().replace('"known"', '"known\\u001b[2J"'))
    assert run(["baseline", "show", "--baseline", str(known)]) == 0
    assert capsys.readouterr().out == (
        f"{known}: struct pt_regs, x86_64\n"
        "1 finding under 2 proposals\n"
        "      0  extended\n"
        "      1  insert-head\n"
        "\n"
        f"lib/raw.c in f  raw-offset/constant  {OFFSET.id}\n"
        "  | *(u64 *)((char *)regs + 8)\n"
        "  break under insert-head: known\\x1b[2J (A)\n"
    )


def test_a_configured_baseline(known: Path, audit: Audit, capsys: pytest.CaptureFixture[str]) -> None:
    (known.parent / ".ptregs-audit.toml").write_text('baseline = "b.json"\nstrict = true\n')
    assert run(["audit"]) == 0
    audit(FEWER)
    assert run(["audit"]) == 1
    assert run(["baseline", "update"]) == 0
    assert entries(known) == []
    assert run(["baseline", "show"]) == 0


def test_the_last_report_knows_what_is_suppressed(
    known: Path, private_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["audit", "--baseline", str(known)])
    kept = {s.id: s for s in read(private_cache / "last-report.json").sites}
    assert kept[OFFSET.id].suppressed is not None
    capsys.readouterr()
    assert run(["explain", OFFSET.id]) == 0
    assert "suppressed by baseline: known (A)" in capsys.readouterr().out


def test_without_any_finding(path: Path, audit: Audit) -> None:
    audit(replace(CLEAN, sites=()))
    assert create(path) == 0
    assert entries(path) == []
