# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from auditor.cli.program import run
from auditor.errors import IncompleteError, InputError, UsageError
from auditor.model import Report
from tests.cli.fake import BOTH, CLEAN, EMPTY, FAILED, FINDINGS, REVIEW


@pytest.mark.parametrize(
    ("outcome", "options", "code"),
    [
        (CLEAN, [], 0),
        (EMPTY, [], 0),
        (CLEAN, ["--fail-on", "rebuild"], 1),
        (FINDINGS, [], 1),
        (FINDINGS, ["--exit-zero"], 0),
        (FINDINGS, ["--path", "arch"], 0),
        (FINDINGS, ["--path", "lib"], 1),
        (FINDINGS, ["--kind", "order"], 0),
        (FINDINGS, ["--kind", "order", "--kind", "raw-offset"], 1),
        (FINDINGS, ["--verdict", "review"], 0),
        (FINDINGS, ["--verdict", "review", "--fail-on", "review"], 1),
        (FINDINGS, ["--format", "json", "--path", "arch"], 0),
        (REVIEW, [], 0),
        (REVIEW, ["--fail-on", "review"], 1),
        (FAILED, [], 3),
        (FAILED, ["--exit-zero"], 3),
        (BOTH, [], 3),
        (BOTH, ["--path", "nowhere"], 3),
        (InputError("vmlinux", "damaged"), [], 2),
        (UsageError("no"), ["--exit-zero"], 2),
        (IncompleteError("half"), [], 3),
        (RuntimeError("bug"), [], 3),
        (MemoryError(), ["--exit-zero"], 3),
        (KeyboardInterrupt(), [], 130),
    ],
)
def test_audit(
    outcome: Any, options: list[str], code: int, audit: Callable[[Any], None], capsys: pytest.CaptureFixture[str]
) -> None:
    audit(outcome)
    assert run(["audit", *options]) == code
    # Our own failure is 3 as well, and no incomplete audit.
    assert not (isinstance(outcome, Report) and "internal error" in capsys.readouterr().err)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["audit", "--nonsense"],
        ["audit", "/nowhere"],
        ["audit", "--jobs", "0"],
        ["audit", "--kind", "nonsense"],
        ["audit", "--verdict", "nonsense"],
        ["audit", "--fail-on", "nonsense"],
        ["audit", "--format", "nonsense"],
        ["audit", "-o", "nonsense=x"],
        ["audit", "-o", "json"],
        ["audit", "-o", "json="],
        ["audit", "-o", "json=/nowhere/x.json"],
        ["audit", "-o", "json=/"],
        ["audit", "-o", "json=-", "--format", "text"],
        ["audit", "-o", "json=/tmp/./x", "-o", "text=/tmp/x"],
        ["audit", "--cache", "/tmp", "--no-cache"],
        ["audit", "--after-tree", "/", "--after-header", "/etc/passwd"],
        ["audit", "--proposal", "unknown"],
        ["audit", "--proposal", "mine.toml", "--proposal", "mine"],
        ["explain"],
        ["explain", "nonsense"],
        ["explain", "raw-offset/nonsense"],
        ["explain", "abcd", "--report", "/nowhere"],
        ["rules", "nonsense"],
    ],
)
def test_usage_is_two_even_if_the_audit_would_fail(
    arguments: list[str], audit: Callable[[Any], None], one_rule: None, capsys: pytest.CaptureFixture[str]
) -> None:
    audit(RuntimeError("must not be reached"))
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "internal error:" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize("error", [InputError("a\x1b[2J.c", "damaged", "look"), UsageError("two\nlines")])
def test_errors_are_one_safe_line(error: Exception, audit: Callable[[Any], None], capsys: Any) -> None:
    audit(error)
    run(["audit"])
    err = capsys.readouterr().err
    assert err.startswith("ptregs-audit: ")
    assert err.count("\n") == 1
    assert "\x1b" not in err


def test_internal_errors_ask_for_a_report(
    audit: Callable[[Any], None], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit(RuntimeError("a bug"))
    run(["audit"])
    err = capsys.readouterr().err
    assert "internal error: RuntimeError: a bug; please report it" in err
    assert err.count("\n") == 1
    monkeypatch.setenv("PTREGS_DEBUG", "1")
    run(["audit"])
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"], ["audit", "--help"], ["rules"]])
def test_what_is_not_an_audit_is_zero(arguments: list[str], one_rule: None) -> None:
    assert run(arguments) == 0
