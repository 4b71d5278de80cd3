# SPDX-License-Identifier: GPL-2.0-only
"""The program starts fast because it imports little."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from auditor.cli.program import COMMANDS, program

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("clang", "elftools", "networkx", "tabulate", "multiprocessing", "subprocess")
BUDGET = 0.25
"""Seconds of processor time that --help may take."""


def imported(*arguments: str) -> set[str]:
    """The modules that the program has loaded when it is done."""
    code = (
        "import sys\n"
        "from auditor.cli.program import run\n"
        "run(sys.argv[1:])\n"
        "print('MODULES', *sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    return set(done.stderr.rsplit("MODULES", 1)[1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_start_imports_nothing_heavy(arguments: list[str]) -> None:
    assert not imported(*arguments).intersection(HEAVY)


def test_a_usage_error_imports_no_analyser() -> None:
    loaded = imported("audit", "--jobs", "0")
    assert "auditor.cli.audit" in loaded
    assert not loaded.intersection({"clang", "elftools", "networkx", "tabulate", "auditor.audit"})


def test_a_commit_that_does_not_concern_the_struct_imports_no_analyser(tmp_path: Path) -> None:
    """The hook is run at every commit. `git` itself is a process."""
    for words in (["init", "-q"], ["config", "user.name", "a"], ["config", "user.email", "a"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    (tmp_path / "a.c").write_text("int x;\n")
    subprocess.run(["git", "add", "a.c"], cwd=tmp_path, check=True)
    loaded = imported("hook", "--tree", str(tmp_path), str(tmp_path / "a.c"))
    assert "auditor.change.relevant" in loaded
    assert not loaded & {
        "clang",
        "tree_sitter",
        "networkx",
        "tabulate",
        "msgspec",
        "auditor.answer",
        "auditor.change.run",
    }


def test_what_if_imports_no_analyser(tmp_path: Path) -> None:
    """Up to its first question to the store, and up to its answer."""
    analysers = {"clang", "elftools", "networkx", "multiprocessing", "auditor.collect", "auditor.facts.units"}
    loaded = imported("what-if", "--cache", str(tmp_path))
    assert "auditor.cli.what_if" in loaded
    assert not loaded & {*analysers, "auditor.answer"}
    code = "import sys, auditor.answer, auditor.facts.runs, auditor.reports.text\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not set(done.stdout.split()) & analysers


def test_a_unit_that_leads_nowhere_imports_no_analyser(tmp_path: Path) -> None:
    """`check` is called for each unit of a build, and most have nothing to do with the struct."""
    source = tmp_path / "a.c"
    source.write_text("int a;\n")
    for name in ("include/linux", "arch/x86"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "Kconfig").touch()
    (tmp_path / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 1\n")
    loaded = imported("check", "-D__KERNEL__", str(source))
    assert "auditor.kernel.closure" in loaded
    assert not loaded & {*HEAVY, "auditor.collect", "auditor.check", "auditor.answer"}


def test_help_is_cheap() -> None:
    before = os.times()
    for _ in range(3):
        subprocess.run([sys.executable, "-m", "auditor", "--help"], check=True, capture_output=True, cwd=ROOT)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent / 3 <= BUDGET


PRESENT = [name for name, (place, _) in COMMANDS.items() if importlib.util.find_spec(place.split(":")[0])]


def test_the_commands_of_this_package_are_present() -> None:
    assert {"audit", "what-if", "explain", "rules", "doctor"} <= set(PRESENT)


@pytest.mark.parametrize("name", PRESENT)
def test_commands_load_and_have_help(name: str) -> None:
    context = click.Context(program)
    command = program.get_command(context, name)
    assert command is not None
    assert command.get_help(click.Context(command, info_name=name)).startswith(f"Usage: {name}")


@pytest.mark.parametrize("name", ["audit", "what-if", "check", "explain", "init", "prove", "rules", "doctor"])
def test_the_short_lines_are_the_commands_own(name: str) -> None:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    assert command.short_help == COMMANDS[name][1]
