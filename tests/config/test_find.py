# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditor.config.find import LARGEST, find
from auditor.errors import InputError

OURS = "[tool.ptregs-audit]\nstrict = true\n"


@pytest.fixture
def inner(tmp_path: Path) -> Path:
    """A directory two below the root of a repository."""
    (tmp_path / ".git").mkdir()
    directory = tmp_path / "a/b"
    directory.mkdir(parents=True)
    return directory


def test_nothing(inner: Path) -> None:
    assert find(inner) is None


def test_the_nearest_one_up_to_the_root_of_the_repository(inner: Path) -> None:
    root, near = inner.parents[1] / ".ptregs-audit.toml", inner.parent / ".ptregs-audit.toml"
    root.touch()
    assert find(inner) == root
    near.touch()
    assert find(inner) == near


def test_not_above_the_root_of_the_repository(inner: Path) -> None:
    (inner.parents[1] / ".ptregs-audit.toml").touch()
    (inner / ".git").write_text("gitdir: elsewhere\n")
    assert find(inner) is None


def test_without_a_repository_only_the_directory_itself(tmp_path: Path) -> None:
    directory = tmp_path / "a"
    directory.mkdir()
    (tmp_path / ".ptregs-audit.toml").touch()
    assert find(directory) is None
    assert find(tmp_path) is not None


def test_pyproject_counts_with_our_table_only(inner: Path) -> None:
    near, root = inner / "pyproject.toml", inner.parents[1] / "pyproject.toml"
    near.write_text("[tool.ruff]\n")
    root.write_text(OURS)
    assert find(inner) == root
    near.write_text("[project]\nname = 'ptregs-audit'\n")
    assert find(inner) == root
    near.write_text(OURS)
    assert find(inner) == near
    (inner / ".ptregs-audit.toml").touch()
    assert find(inner) == inner / ".ptregs-audit.toml"


@pytest.mark.parametrize("text", ["damaged = ", "\0", "a = 1\n" * LARGEST])
def test_somebody_elses_pyproject_does_not_matter(inner: Path, text: str) -> None:
    (inner / "pyproject.toml").write_text(text)
    assert find(inner) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{OURS}x = \n", r"not TOML: .*line 3"),
        ("[tool]\nptregs-audit = 1\n", r"expected a table.*write \[tool.ptregs-audit\]"),
    ],
)
def test_a_damaged_pyproject_of_ours_is_an_error(inner: Path, text: str, problem: str) -> None:
    (inner / "pyproject.toml").write_text(text)
    with pytest.raises(InputError, match=problem):
        find(inner)


def test_a_pyproject_that_is_no_file(inner: Path) -> None:
    os.mkfifo(inner / "pyproject.toml")
    assert find(inner) is None
