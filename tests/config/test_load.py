# SPDX-License-Identifier: GPL-2.0-only
"""Configurations: what they may say, and what one that came with a tree may not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditor.config.find import LARGEST
from auditor.config.lines import key_lines
from auditor.config.load import Config, load
from auditor.errors import InputError
from auditor.gate.thresholds import Thresholds
from auditor.model import Verdict

WHOLE = """\
tree = "linux"  # the tree
build = "b"
proposals = ["insert-head", "mine.toml", "sub/other"]
paths = ["arch/x86/*"]
baseline = "sub/baseline.json"
strict = true

[fail-on]
default = "abi"
uapi-export = "review"
callback = "never"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The directory of a configuration; beside it lies what is none of its business."""
    (tmp_path / "home/linux").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "home"


def written(home: Path, text: str, name: str = ".ptregs-audit.toml") -> Path:
    (home / name).write_text(text)
    return home / name


def refused(home: Path, text: str, trusted: bool = False) -> str:
    path = written(home, text)
    with pytest.raises(InputError) as found:
        load(path, trusted)
    message = str(found.value)
    assert message.startswith(f"{path}:")
    return message.removeprefix(f"{path}:")


@pytest.mark.parametrize("trusted", [True, False])
def test_everything(home: Path, trusted: bool) -> None:
    found = load(written(home, WHOLE), trusted)
    assert (found.tree, found.build, found.baseline) == (home / "linux", home / "b", home / "sub/baseline.json")
    assert found.proposals == ("insert-head", f"{home}/mine.toml", f"{home}/sub/other")
    assert (found.paths, found.strict) == (("arch/x86/*",), True)
    assert found.thresholds == Thresholds(Verdict.ABI, {"uapi-export": Verdict.REVIEW, "callback": None})
    assert found.place("tree") == f"{home}/.ptregs-audit.toml:1"
    assert found.place("fail-on.callback") == f"{home}/.ptregs-audit.toml:11"


def test_in_pyproject(home: Path) -> None:
    text = "[tool.ruff]\ntree = 1\n\n[tool.ptregs-audit]\nstrict = true\n[tool.ptregs-audit.fail-on]\nsize = 'abi'\n"
    found = load(written(home, text, "pyproject.toml"), trusted=False)
    assert (found.strict, found.thresholds.of("size")) == (True, Verdict.ABI)
    assert (found.place("strict")[-2:], found.place("fail-on.size")[-2:]) == (":5", ":7")
    written(home, "[tool.ruff]\n", "pyproject.toml")
    with pytest.raises(InputError, match=r"has no table \[tool.ptregs-audit\]"):
        load(home / "pyproject.toml", trusted=True)


def test_nothing_is_the_defaults(home: Path) -> None:
    found = load(written(home, ""), trusted=False)
    assert found == Config(file=f"{home}/.ptregs-audit.toml")
    assert found.thresholds == Thresholds()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nproposal = []", "2: proposal: unknown key (did you mean proposals?)"),
        ("fail_on = 1", "1: fail_on: unknown key (did you mean fail-on?)"),
        ("xyzzy = 1", "1: xyzzy: unknown key (known: tree, build, "),
        ("[fail-on]\nuapi-exprot = 'abi'", "2: fail-on.uapi-exprot: unknown kind (did you mean uapi-export"),
        ("[fail-on]\nsize = 'brake'", "2: fail-on.size: expected one of safe, rebuild"),
        ("[fail-on]\nsize = ['break']", "2: fail-on.size: expected one of safe, rebuild"),
        ("fail-on = 'abi'", "1: fail-on: expected a table, not 'abi'"),
        ("strict = 1", "1: strict: expected true or false, not 1"),
        ("tree = 1", "1: tree: expected a text, not 1"),
        ('tree = ""', "1: tree: expected a text, not ''"),
        ('tree = "a\\u0000b"', "1: tree: expected a text"),
        ("proposals = 'insert-head'", "1: proposals: expected a list of at most 1000 texts, not 'insert-head'"),
        ("proposals = ['insert-head', 1]", "1: proposals: expected a text, not 1"),
        (f"paths = [{'1,' * 1001}]", "1: paths: expected a list of at most 1000 texts, not [1, 1,"),
        ("tree = ", " not TOML: "),
        ("a = " + "[" * 100_000, " "),
    ],
)
def test_what_is_wrong_is_one_error_with_its_line(home: Path, text: str, message: str) -> None:
    assert refused(home, text).startswith(message)


@pytest.mark.parametrize("key", ["libclang", "cache", "output", "outputs", "format", "no_cache", "jobs", "exit-zero"])
@pytest.mark.parametrize("trusted", [True, False])
def test_no_key_names_a_program_or_a_place_to_write_to(home: Path, key: str, trusted: bool) -> None:
    message = refused(home, f"{key} = 'x'", trusted)
    assert message.startswith(f"1: {key}: cannot be set in a configuration, which may come with the tree (give -")


@pytest.mark.parametrize("key", ["compiler", "command", "plugin", "cc", "hook", "exec"])
def test_there_are_no_other_keys(home: Path, key: str) -> None:
    assert "unknown key" in refused(home, f"{key} = 'x'", trusted=True)


@pytest.mark.parametrize("where", ["../elsewhere", "/", "/etc/passwd", "link", "linux/../../elsewhere", "link/x.json"])
@pytest.mark.parametrize("key", ["tree", "build", "baseline", "proposals"])
def test_what_is_found_names_nothing_outside(home: Path, key: str, where: str) -> None:
    (home / "link").symlink_to("../elsewhere")
    value = f'["{where}/p.toml"]' if key == "proposals" else f'"{where}"'
    assert f"leads out of {home} (a configuration that is found" in refused(home, f"{key} = {value}")
    load(home / ".ptregs-audit.toml", trusted=True)


def test_an_absolute_path_inside_is_inside(home: Path) -> None:
    assert load(written(home, f'tree = "{home}/linux"'), trusted=False).tree == home / "linux"


def test_a_link_inside_is_what_it_leads_to(home: Path) -> None:
    (home / "link").symlink_to("linux")
    assert load(written(home, 'tree = "link"'), trusted=False).tree == home / "linux"


def test_a_configuration_that_is_a_link_out_of_its_directory(home: Path) -> None:
    (home.parent / "elsewhere/c.toml").write_text("strict = true")
    (home / ".ptregs-audit.toml").symlink_to("../elsewhere/c.toml")
    with pytest.raises(InputError, match="is a link that leads out of its directory"):
        load(home / ".ptregs-audit.toml", trusted=False)
    assert load(home / ".ptregs-audit.toml", trusted=True).strict


def test_files_that_are_no_configuration(home: Path) -> None:
    path = home / ".ptregs-audit.toml"
    path.write_bytes(b"#" * (LARGEST + 1))
    with pytest.raises(InputError, match="larger than 1 MiB"):
        load(path, trusted=True)
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(InputError, match="not UTF-8 at byte 5"):
        load(path, trusted=True)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="not a regular file"):
        load(path, trusted=True)
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match="is a directory"):
        load(path, trusted=False)


def test_lines_that_are_not_certain_are_not_told() -> None:
    text = 'tree = """\nbuild = 1\n"""\nbuild = "b"\nfail-on.default = "abi"\n[ "fail-on" ] # x\nsize = 1\n'
    assert key_lines(text) == {"tree": 1, "fail-on.default": 5, "fail-on": 6, "fail-on.size": 7}
