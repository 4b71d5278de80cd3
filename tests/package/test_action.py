# SPDX-License-Identifier: GPL-2.0-only
"""The GitHub action: its file follows GitHub's schema, and a plain shell runs each of its commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests import consumers

ROOT = Path(__file__).resolve().parents[2]
ACTION = ROOT / "action.yml"


def action() -> Any:
    return consumers.module("ruamel.yaml").YAML(typ="safe").load(ACTION.read_text(encoding="utf-8"))


def test_the_schema() -> None:
    assert consumers.valid(ACTION, "github-actions")


def test_no_input_becomes_a_part_of_a_script() -> None:
    for step in action()["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def run_steps(directory: Path, **inputs: str) -> int:
    """As a runner does: expressions go to the environment, and the first step that fails is the last."""
    (directory / "bin").mkdir()
    program = directory / "bin/ptregs-audit"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m auditor "$@"\n')
    program.chmod(0o755)
    found = action()
    values = {k: v["default"] for k, v in found["inputs"].items()} | inputs
    runner = {n: str(directory / n) for n in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH", "RUNNER_TEMP")}
    for step in found["runs"]["steps"]:
        if "run" not in step:
            continue
        given = {
            k: re.sub(r"\$\{\{ *inputs\.(\S+) *\}\}", lambda m: values[m[1]], v) for k, v in step.get("env", {}).items()
        }
        given = {k: re.sub(r"\$\{\{[^}]*\}\}", "https://x", v) for k, v in given.items()}
        path = f"{directory / 'bin'}:{os.environ['PATH']}"
        env = os.environ | runner | given | {"PATH": path, "HOME": str(directory)}
        done = subprocess.run(["sh", "-e", "-c", step["run"]], cwd=directory, env=env, check=False)
        if done.returncode:
            return done.returncode
    return 0


def test_every_command(tmp_path: Path) -> None:
    tree = ROOT / "fixtures/minikernel"
    assert run_steps(tmp_path, tree=str(tree), args="--proposal insert-head --jobs 2") == 1
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == "exit-code=1\n"
    assert (tmp_path / "GITHUB_STEP_SUMMARY").read_text().startswith("### ptregs-audit: ")
    reports = tmp_path / "ptregs-audit-reports"
    assert sorted(p.name for p in reports.iterdir()) == [
        "junit.xml", "pr.md", "ptregs-audit.sarif", "report.json", "report.md"
    ]  # fmt: skip
    assert [p["id"] for p in json.loads((reports / "report.json").read_text())["proposals"]] == ["insert-head"]


def test_arguments_are_no_script(tmp_path: Path) -> None:
    hostile = "--proposal $(touch${IFS}owned) `touch owned` ; touch owned *"
    assert run_steps(tmp_path, tree=str(ROOT / "fixtures/minikernel"), args=hostile) == 2
    assert not (tmp_path / "owned").exists()
