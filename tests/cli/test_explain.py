# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.program import run
from auditor.model import Report
from auditor.reports.json import write
from tests.cli.fake import FINDINGS
from tests.reports.factory import OFFSET, make_report

Audit = Callable[[Any], None]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The tree that the made-up report speaks of."""
    root = tmp_path / "tree"
    (root / "lib").mkdir(parents=True)
    lines = [f"line {n}" for n in range(1, 21)]
    lines[11] = "\treturn *(u64 *)((char *)regs + 8); \x1b]0;owned\x07"
    (root / "lib/raw.c").write_text("\n".join(lines) + "\n")
    return root


def in_tree(report: Report, tree: Path) -> Report:
    run_ = report.runs[0]
    return replace(report, runs=(replace(run_, target=replace(run_.target, tree=str(tree))),))


def test_an_id_right_after_an_audit(
    audit: Audit, tree: Path, one_rule: None, capsys: pytest.CaptureFixture[str]
) -> None:
    audit(in_tree(FINDINGS, tree))
    run(["audit"])
    capsys.readouterr()
    assert run(["explain", OFFSET.id]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"{OFFSET.id}  raw-offset/constant: constant byte offset" in out
    assert ">    12          return *(u64 *)((char *)regs + 8); \\x1b]0;owned\\x07" in out
    assert "insert-head: break. offset 8 is `ip` today and `bx` then" in out
    assert "Fix: use offsetof" in out
    # The picture: byte 8 holds ip before and bx after.
    assert " >    8 | ip               |   >    8 | bx               |" in out
    assert "extended: safe." in out
    assert out.count("before") == 1


def test_the_beginning_of_an_id_is_enough(
    audit: Audit, tree: Path, one_rule: None, capsys: pytest.CaptureFixture[str]
) -> None:
    audit(in_tree(FINDINGS, tree))
    run(["audit"])
    assert run(["explain", OFFSET.id[:6]]) == 0
    assert run(["explain", OFFSET.id[:3]]) == 2


def report_file(tmp_path: Path, report: Report) -> str:
    path = tmp_path / "report.json"
    with path.open("w") as f:
        write(report, f)
    return str(path)


def test_a_foreign_report_does_not_choose_the_tree(
    tree: Path, tmp_path: Path, one_rule: None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = report_file(tmp_path, in_tree(FINDINGS, tree))
    assert run(["explain", OFFSET.id, "--report", path]) == 0
    out = capsys.readouterr().out
    assert "name the tree with --tree" in out
    assert "line 11" not in out
    assert run(["explain", OFFSET.id, "--report", path, "--tree", str(tree)]) == 0
    assert "line 11" in capsys.readouterr().out


@pytest.mark.parametrize("file", ["../secret", "/etc/passwd", "link", "lib", "fifo", "absent", "lib/\x00", "a" * 5000])
def test_only_files_inside_the_tree_are_shown(
    file: str, tree: Path, tmp_path: Path, one_rule: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_text("secret\n" * 30)
    (tree / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tree / "fifo")
    path = report_file(tmp_path, make_report(replace(OFFSET, site=replace(OFFSET.site, file=file))))
    assert run(["explain", OFFSET.id, "--report", path, "--tree", str(tree)]) == 0
    out = capsys.readouterr().out
    assert "source not shown" in out
    assert "secret\n" not in out
    assert "root:" not in out


@pytest.mark.parametrize("line", [500, 10**8, 10**30])
def test_lines_far_away_are_no_problem(line: int, tree: Path, tmp_path: Path, one_rule: None) -> None:
    far = replace(OFFSET, site=replace(OFFSET.site, line=line, end_line=line * 2))
    path = report_file(tmp_path, make_report(far))
    assert run(["explain", OFFSET.id, "--report", path, "--tree", str(tree)]) == 0


def test_a_damaged_report_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"schema_version": 1, "runs": 5}))
    assert run(["explain", "abcdef", "--report", str(path)]) == 2
    assert "report.runs: expected a list" in capsys.readouterr().err


def test_without_any_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "abcdef"]) == 2
    assert "run an audit first" in capsys.readouterr().err


def test_a_rule_in_full(one_rule: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "raw-offset/constant"]) == 0
    out = capsys.readouterr().out
    for part in (
        "raw-offset/constant: constant byte offset",
        "A constant added to the pointer.",
        "It stays where it is when members move.",
        "*(u64 *)((char *)regs + 128)",
        "Name the member.",
        "break        when stale",
        "Fix: Use the member's name.",
        "https://lore.kernel.org/",
    ):
        assert part in out


def test_a_kind(one_rule: None, capsys: pytest.CaptureFixture[str]) -> None:
    run(["explain", "raw-offset"])
    explained = capsys.readouterr().out
    run(["rules", "raw-offset"])
    assert capsys.readouterr().out == explained
    assert "A byte offset that does not come from the struct." in explained


def test_all_rules(one_rule: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules"]) == 0
    assert capsys.readouterr().out == "raw-offset/constant  constant byte offset\n"


def test_an_installation_without_rules_is_an_error(tmp_path: Path, one_rule: None, capsys: Any) -> None:
    (tmp_path / "rules" / "raw-offset.toml").unlink()
    assert run(["rules"]) == 2
    assert "holds no rules" in capsys.readouterr().err
