# SPDX-License-Identifier: GPL-2.0-only
"""The hook as its users have it: the real pre-commit installs it from this checkout, and git runs it at a commit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.change.repository import IDENTITY, SAFE, UNSAFE, Repo

ROOT = Path(__file__).resolve().parents[2]
PRE_COMMIT = [sys.executable, "-m", "pre_commit"]


@pytest.fixture(scope="module")
def hook_repository(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """(a repository with the files of this checkout, its commit): what `repo:` and `rev:` name."""
    path = tmp_path_factory.mktemp("hook") / "ptregs-audit"
    path.mkdir()
    for name in ("auditor", "rules", "fixtures/minikernel"):
        shutil.copytree(ROOT / name, path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, path / name)
    env = _env(path)
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "hook"]):
        subprocess.run(["git", *words], cwd=path, env=env, check=True)
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=path, env=env, check=True, capture_output=True, text=True)
    return path, done.stdout.strip()


@pytest.fixture(scope="module")
def installed(hook_repository: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A user's repository in which `pre-commit install --install-hooks` was run."""
    source, commit = hook_repository
    home = tmp_path_factory.mktemp("home")
    repo = Repo(home / "user")
    hooks = [{"id": "ptregs-audit"}, {"id": "ptregs-audit-full"}]
    config = {"repos": [{"repo": str(source), "rev": commit, "hooks": hooks}]}
    # JSON is YAML, too.
    repo.write(".pre-commit-config.yaml", json.dumps(config))
    repo.commit()
    done = subprocess.run(
        [*PRE_COMMIT, "install", "--install-hooks"], cwd=repo.path, env=_env(home), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return repo


def _env(home: Path) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "PRE_COMMIT_", "PYTHONPATH"))}
    return env | IDENTITY | {"PRE_COMMIT_HOME": str(home / "pre-commit"), "XDG_CACHE_HOME": str(home / "cache")}


def _commit(repo: Repo, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "commit", "-m", "change", *options], cwd=repo.path, env=_env(repo.path.parent), capture_output=True,
        text=True, check=False,
    )  # fmt: skip


def test_the_manifest() -> None:
    """pre-commit's own words for a manifest; entries are commands that exist."""
    from pre_commit.clientlib import load_manifest

    from auditor.cli.program import COMMANDS

    hooks: dict[str, dict[str, Any]] = {h["id"]: h for h in load_manifest(str(ROOT / ".pre-commit-hooks.yaml"))}
    assert set(hooks) == {"ptregs-audit", "ptregs-audit-full"}
    quick, full = hooks["ptregs-audit"], hooks["ptregs-audit-full"]
    assert (quick["types_or"], quick["pass_filenames"], quick["require_serial"]) == (["c", "header", "asm"], True, True)
    assert (full["pass_filenames"], full["always_run"], full["stages"]) == (False, True, ["manual"])
    assert {h["language"] for h in hooks.values()} == {"python"}
    assert {h["entry"].split()[0] for h in hooks.values()} == {"ptregs-audit"}
    assert {h["entry"].split()[1] for h in hooks.values()} <= set(COMMANDS)


def test_a_commit_is_refused_and_one_passes(installed: Repo) -> None:
    before = installed.git("rev-parse", "HEAD")
    installed.write("kernel/b.c", UNSAFE)
    installed.git("add", "-A")
    refused = _commit(installed)
    said = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert installed.git("rev-parse", "HEAD") == before
    assert "kernel/b.c:4: ERROR:RAW_OFFSET_CONSTANT" in said
    assert "ptregs-audit: ignore[rule] reason" in said
    # As the message says: mended, it passes.
    installed.write("kernel/b.c", SAFE)
    installed.git("add", "-A")
    passed = _commit(installed)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "Passed" in passed.stdout + passed.stderr


def test_what_is_not_staged_is_no_part_of_the_commit(installed: Repo) -> None:
    installed.write("kernel/d.c", SAFE)
    installed.git("add", "-A")
    installed.write("kernel/d.c", UNSAFE)
    assert _commit(installed).returncode == 0
    # `git commit -a` takes it along, from an index of its own.
    assert _commit(installed, "-a").returncode != 0
    installed.git("checkout", "-q", "--", "kernel/d.c")


def test_a_commit_without_sources_does_not_start_it(installed: Repo) -> None:
    installed.write("notes.txt", UNSAFE)
    installed.git("add", "-A")
    done = _commit(installed)
    assert done.returncode == 0
    assert "Skipped" in done.stdout + done.stderr
