# SPDX-License-Identifier: GPL-2.0-only
"""What is left out of an audit holds nothing: parsed all the same, units of a real kernel give no more code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.program import run
from auditor.kernel.discover import discover
from auditor.kernel.tree import open_build, open_tree
from auditor.kernel.units import source_path

pytestmark = pytest.mark.kernel

DIRECTORIES = ("arch/x86/kernel/", "kernel/trace/", "kernel/events/")
EACH = 4
"""One in so many units is taken, in the order of their names."""


@dataclass(frozen=True, slots=True)
class Both:
    """The report of an audit that chooses its units, and of one that parses all of the same compile commands."""

    chosen: dict[str, Any]
    whole: dict[str, Any]


@pytest.fixture(scope="module")
def both(kernel_paths: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Both:
    directory = tmp_path_factory.mktemp("functions")
    commands = directory / "commands.json"
    tree = open_tree(kernel_paths[0])
    units = discover(tree, open_build(tree, kernel_paths[1])).units
    sample = [u for d in DIRECTORIES for u in [u for u in units if u.object.startswith(d)][::EACH]]
    entries = [
        {"directory": u.directory, "file": str(source_path(u)), "output": u.object, "arguments": ["gcc", *u.arguments]}
        for u in sample
    ]
    commands.write_text(json.dumps(entries))
    audit = auditing(kernel_paths, commands, directory)
    return Both(audit(), audit("--exhaustive"))


def auditing(paths: tuple[Path, Path], commands: Path, directory: Path) -> Callable[..., dict[str, Any]]:
    def audit(*more: str) -> dict[str, Any]:
        target = directory / f"report{len(more)}.json"
        given = ["audit", str(paths[0]), "--build", str(paths[1]), "--compdb", str(commands), "--no-cache", *more]
        code = run([*given, "-j", str(len(os.sched_getaffinity(0))), "--exit-zero", "-o", f"json={target}"])
        assert code == 0
        found: dict[str, Any] = json.loads(target.read_text())
        return found

    return audit


def coverage(report: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = report["runs"][0]["coverage"]
    return found


def test_some_are_left_out(both: Both) -> None:
    chosen, whole = coverage(both.chosen), coverage(both.whole)
    assert whole["units_analysed"] == whole["units"] == chosen["units"] > 30
    assert 10 < chosen["units_analysed"] < chosen["units"]


def test_the_functions_are_the_same(both: Both) -> None:
    assert both.chosen["functions"]
    assert both.chosen["functions"] == both.whole["functions"]


def test_the_sites_are_the_same_but_for_headers_that_are_not_read(both: Both) -> None:
    """Of a header that only units read which are left out, a declaration may be missing: it is no code, and safe."""
    known = {s["id"] for s in both.chosen["sites"]}
    assert [s for s in both.whole["sites"] if s["id"] in known] == both.chosen["sites"]
    missing = [s for s in both.whole["sites"] if s["id"] not in known]
    assert len(missing) < len(known) / 100
    assert {s["file"] for s in missing if not s["file"].endswith(".h")} == set()
    assert {v["verdict"] for s in missing for v in s["verdicts"].values()} <= {"safe"}


def test_every_directory_has_functions(both: Both) -> None:
    listed = {f["object"] for f in both.chosen["functions"]}
    assert [d for d in DIRECTORIES if not any(o.startswith(d) for o in listed)] == []
