# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from pathlib import Path

import pytest

from auditor.cli import doctor
from auditor.cli.program import run


def test_a_working_installation(one_rule: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "version 18." in out
    assert "libclang.so" in out
    assert "1 rules" in out
    assert "MISSING" not in out


def test_what_an_audit_cannot_do_without(one_rule: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules" / "raw-offset.toml").unlink()
    assert run(["doctor"]) == 3
    assert "MISSING" in capsys.readouterr().out


def test_an_absent_tool_is_no_failure(
    one_rule: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(["doctor"]) == 0
    assert "absent" in capsys.readouterr().out


def test_a_tool_that_hangs_or_prints_controls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, body in (("slow", "exec sleep 60"), ("odd", "printf '\\033[2Jodd\\377 1.0\\n'"), ("broken", "")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n" if body else "no program")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(doctor, "TIMEOUT", 0.3)
    assert not doctor._tool(("slow",), "").present
    assert not doctor._tool(("broken",), "").present
    found = doctor._tool(("absent", "odd"), "x")
    assert found.present
    assert found.name == "odd"
    assert "1.0" in found.version
