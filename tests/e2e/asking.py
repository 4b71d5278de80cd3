# SPDX-License-Identifier: GPL-2.0-only
"""A minikernel of few units, audited again and again with one store."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.collect import collect
from auditor.evidence.pool import analyse_all
from auditor.kernel.lent import lend
from tests.e2e.helpers import audit, commands

HEADER = "arch/x86/include/asm/ptrace.h"
SOURCE = "fs/coredump.c"
MORE = "unsigned long one_more(struct pt_regs *regs) { return regs->r15; }\n"


@dataclass
class Asking:
    """Audits of one tree with one store."""

    tree: Path
    collected: list[int]
    parsed: list[str]
    closed: list[int]

    def again(self, *arguments: object, tree: Path | None = None) -> bytes:
        """The JSON report of an audit with the store."""
        # What changed just before an audit is not vouched for.
        time.sleep(0.05)
        self.collected.clear()
        self.parsed.clear()
        self.closed.clear()
        return self._json(tree or self.tree, "--cache", self.tree.parent / "kept", *arguments)

    def anew(self, *arguments: object, tree: Path | None = None) -> bytes:
        """The JSON report of one without."""
        return self._json(tree or self.tree, "--no-cache", *arguments)

    def _json(self, tree: Path, *arguments: object) -> bytes:
        target = self.tree.parent / "report.json"
        found = audit(tree, *arguments, output=target)
        assert found.err == ""
        return target.read_bytes()


@pytest.fixture
def small(tree: Path) -> Path:
    """A minikernel of few units."""
    few = [c for c in commands(tree) if c["file"].endswith((SOURCE, "kernel/ptrace.c", "kernel/debug.c"))]
    assert len(few) == 3
    (tree / "compile_commands.json").write_text(json.dumps(few))
    return tree


@pytest.fixture
def asking(small: Path, monkeypatch: pytest.MonkeyPatch) -> Asking:
    asked = Asking(small, [], [], [])

    def collecting(*arguments: Any, **named: Any) -> Any:
        asked.collected.append(1)
        return collect(*arguments, **named)

    def parsing(jobs: Any, *rest: Any) -> Any:
        asked.parsed += [Path(j.source).name for j in jobs]
        return analyse_all(jobs, *rest)

    def closing(*arguments: Any) -> Any:
        asked.closed.append(1)
        return lend(*arguments)

    monkeypatch.setattr("auditor.audit.collect", collecting)
    monkeypatch.setattr("auditor.collect.lend", closing)
    monkeypatch.setattr("auditor.collect.analyse_all", parsing)
    return asked


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def edited(tree: Path) -> None:
    """One source has a consumer more."""
    with (tree / SOURCE).open("a") as stream:
        stream.write(MORE)
