# SPDX-License-Identifier: GPL-2.0-only
"""The project's own files keep their promises: README, Makefile and scripts."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import click
import pytest

from auditor.cli.audit import audit_command
from auditor.cli.baseline import create_command, update_command
from auditor.cli.check import check_command
from auditor.cli.diff import diff_command
from auditor.cli.explain import explain_command
from auditor.cli.init import init_command
from auditor.cli.program import COMMANDS
from auditor.cli.prove import prove_command
from auditor.reports.registry import FORMATS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCRIPTS = [".ci/run", "tests/setup-kernel.sh", "tests/setup-system.sh"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_posix_shell_and_executable(script: str) -> None:
    path = ROOT / script
    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    assert os.access(path, os.X_OK)
    subprocess.run(["sh", "-n", str(path)], check=True)


def test_the_readme_names_every_command_and_format() -> None:
    assert [c for c in COMMANDS if f"`{c}" not in README] == []
    assert [f for f in FORMATS if f"`{f}`" not in README] == []


def test_the_readme_shows_no_option_that_does_not_exist() -> None:
    commands: list[click.Command] = [audit_command, explain_command, prove_command, create_command, update_command]
    commands += [check_command, diff_command, init_command]
    known = {o for command in commands for p in command.params for o in p.opts}
    used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", README))
    assert len(used) > 10
    # --help every command has; the others are pre-commit's.
    assert used <= known | {"--help", "--hook-stage", "--from-ref", "--to-ref"}


def test_setup_kernel_says_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [ROOT / "tests/setup-kernel.sh", str(tmp_path / "cache"), "true"],
        env=os.environ | {"PTREGS_KERNEL_TARBALL": str(tmp_path / "absent.tar.xz")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "absent.tar.xz is missing" in done.stderr


def test_options_are_described_once() -> None:
    assert isinstance(audit_command, click.Command)
    names = [o for p in audit_command.params for o in p.opts]
    assert len(names) == len(set(names))
