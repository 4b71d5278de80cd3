# SPDX-License-Identifier: GPL-2.0-only
"""A configuration in use: the command line wins, and `config show` tells where values come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.program import run
from auditor.model import Report
from tests.cli.fake import CLEAN, FINDINGS, REVIEW, Request

Audit = Callable[[Any], None]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a configuration to be."""
    directory = tmp_path / "work"
    (directory / "linux").mkdir(parents=True)
    (directory / "b").mkdir()
    monkeypatch.chdir(directory)
    return directory


def configure(here: Path, text: str) -> None:
    (here / ".ptregs-audit.toml").write_text(text)


def requests(audit: Audit, *arguments: str) -> list[Request]:
    seen: list[Request] = []

    def note(request: Request, progress: Any) -> Report:
        seen.append(request)
        return CLEAN

    audit(note)
    assert run(["audit", *arguments]) == 0
    return seen


FULL = 'tree = "linux"\nbuild = "b"\nproposals = ["insert-head"]\npaths = ["arch"]\n'


def test_what_is_configured_is_asked(here: Path, audit: Audit, capsys: pytest.CaptureFixture[str]) -> None:
    configure(here, FULL)
    (asked,) = requests(audit)
    assert (asked.tree, asked.build) == (here / "linux", here / "b")
    assert (asked.proposals, asked.filters) == (("insert-head",), {"path": ("arch",)})
    assert capsys.readouterr().err == f"ptregs-audit: configured by {here}/.ptregs-audit.toml (--no-config)\n"


def test_the_command_line_wins(here: Path, audit: Audit, capsys: pytest.CaptureFixture[str]) -> None:
    configure(here, FULL)
    (here / "h.h").touch()
    (asked,) = requests(audit, ".", "--proposal", "other", "--path", "fs")
    # The configured build is that of another tree.
    assert (asked.tree, asked.build) == (Path("."), None)
    assert (asked.proposals, asked.filters) == (("other",), {"path": ("fs",)})
    assert requests(audit, "--after-header", "h.h")[0].proposals == ()
    (asked,) = requests(audit, "--no-config")
    assert (asked.tree.name, asked.filters) == ("minikernel", {})
    assert "configured by" not in capsys.readouterr().err.splitlines()[-1:]


def test_thresholds_by_kind(here: Path, audit: Audit) -> None:
    audit(REVIEW)
    configure(here, "[fail-on]\nbpf-ctx = 'review'\n")
    assert run(["audit"]) == 1
    configure(here, "[fail-on]\norder = 'review'\n")
    assert run(["audit"]) == 0
    audit(FINDINGS)
    configure(here, "[fail-on]\ndefault = 'never'\n")
    assert run(["audit"]) == 0
    # One word on the command line is for all kinds.
    assert run(["audit", "--fail-on", "break"]) == 1
    assert run(["audit", "--no-config"]) == 1


def test_what_is_found_stays_inside_what_is_named_does_not(here: Path, audit: Audit, capsys: Any) -> None:
    configure(here, f'tree = "{here.parent}"\n')
    audit(CLEAN)
    assert run(["audit"]) == 2
    assert ".ptregs-audit.toml:1: tree: " in capsys.readouterr().err
    assert requests(audit, "--config", ".ptregs-audit.toml")[0].tree == here.parent
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('tree = "gone"', ":1: tree: no such directory: "),
        ('proposals = ["unknown"]', ":1: proposals: unknown proposal"),
        ('baseline = "gone.json"', "gone.json: there is no such baseline (`ptregs-audit baseline create` makes one)"),
        ("strict = 1", ":1: strict: expected true or false"),
        ("libclang = 'x.so'", "give --libclang or PTREGS_LIBCLANG"),
    ],
)
def test_what_is_wrong_is_two(here: Path, audit: Audit, text: str, problem: str, capsys: Any) -> None:
    audit(RuntimeError("must not be reached"))
    configure(here, text)
    assert run(["audit"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert problem in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit", "--config", "gone.toml"],
        ["audit", "--config", "x", "--no-config"],
        ["audit", "--strict"],
        ["config"],
        ["config", "nonsense"],
        ["config", "show", "--config", "gone.toml"],
    ],
)
def test_usage(here: Path, audit: Audit, arguments: list[str]) -> None:
    audit(RuntimeError("must not be reached"))
    assert run(arguments) == 2


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, tuple[str, str]]:
    """{name: (value, origin)}"""
    assert run(["config", "show", *arguments]) == 0
    rows = [
        [part.strip() for part in line.split("  ") if part.strip()] for line in capsys.readouterr().out.splitlines()
    ]
    return {row[0]: (row[1], row[2]) for row in rows}


def test_show_defaults(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = shown(capsys)
    assert rows["configuration"] == ("none", "none found")
    assert rows["tree"] == ("the shipped minikernel", "default")
    assert rows["fail-on.default"] == ("break", "default")
    assert rows["cache"][1] == "environment XDG_CACHE_HOME"


def test_show_where_each_value_comes_from(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(here, 'tree = "linux"\npaths = ["arch", "fs"]\n[fail-on]\ndefault = "abi"\nsize = "never"\n')
    monkeypatch.setenv("PTREGS_LIBCLANG", str(here / ".ptregs-audit.toml"))
    file = f"{here}/.ptregs-audit.toml"
    rows = shown(capsys, "--path", "mm", "--cache", "c", "--strict")
    assert rows["configuration"] == (file, "found")
    assert rows["tree"] == (f"{here}/linux", f"{file}:1")
    assert rows["paths"] == ("mm", "option --path")
    assert rows["strict"] == ("yes", "option --strict")
    assert rows["cache"] == ("c", "option --cache")
    assert rows["libclang"] == (file, "environment PTREGS_LIBCLANG")
    assert rows["fail-on.default"] == ("abi", f"{file}:4")
    assert rows["fail-on.size"] == ("never", f"{file}:5")
    rows = shown(capsys, "--fail-on", "review", "--config", file)
    assert rows["fail-on.default"] == ("review", "option --fail-on")
    assert "fail-on.size" not in rows
    assert rows["configuration"] == (file, "option --config")
    assert shown(capsys, "--no-config")["configuration"] == ("none", "option --no-config")


def test_what_is_shown_is_escaped(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(here, 'paths = ["a\\u001b[2J"]\n')
    assert shown(capsys)["paths"][0] == "a\\x1b[2J"
