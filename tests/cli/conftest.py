# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.judge import rules
from tests.cli.fake import install

ROOT = Path(__file__).resolve().parents[2]

RULES = """\
format = 1
kind = "raw-offset"
title = "offsets by hand"
description = "A byte offset that does not come from the struct."

[[rule]]
id = "raw-offset/constant"
title = "constant byte offset"
what = "A constant added to the pointer."
why = "It stays where it is when members move."
example = "*(u64 *)((char *)regs + 128)"
fix = "Name the member."
references = ["https://lore.kernel.org/"]

[[rule.verdict]]
verdict = "break"
when = ["stale"]
why = "{bytes} hold {holds} today and {becomes} then"
fix = "Use the member's name."
"""


@pytest.fixture(autouse=True)
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test touches the user's own cache, or obeys the user's own terminal settings."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "PTREGS_DEBUG", "PTREGS_LIBCLANG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "xdg" / "ptregs-audit"


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """audit(outcome): from now on `run_audit` has this outcome."""

    def use(outcome: Any) -> None:
        modules: dict[str, Any] = {}
        install(outcome, modules)
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)

    return use


@pytest.fixture
def one_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A rules directory with one known rule."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "raw-offset.toml").write_text(RULES)
    monkeypatch.setattr(rules, "rules_dir", lambda: tmp_path / "rules")
    rules.load_all.cache_clear()
    rules.by_id.cache_clear()
    yield
    rules.load_all.cache_clear()
    rules.by_id.cache_clear()


@pytest.fixture
def spawn() -> Callable[..., subprocess.Popen[str]]:
    """Start the program on a fake audit in a process of its own: spawn("FINDINGS", "audit", ...)."""

    def start(*arguments: str, stdout: Any = subprocess.PIPE) -> subprocess.Popen[str]:
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.cli.fake", *arguments]
        return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT)

    return start
