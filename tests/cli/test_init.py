# SPDX-License-Identifier: GPL-2.0-only
"""`init`: what it writes is valid, and nothing that is there is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditor import __version__
from auditor.cli.init import FILES
from auditor.cli.program import COMMANDS, run
from auditor.config.load import load
from auditor.model import Verdict
from tests import consumers

WRITTEN = sorted(name for name, _ in FILES.values())


def names(directory: Path) -> list[str]:
    return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file())


def yaml(path: Path) -> Any:
    return consumers.module("ruamel.yaml").YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def test_all_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path)]) == 0
    assert names(tmp_path) == WRITTEN
    assert capsys.readouterr().out.count("wrote ") == len(WRITTEN)


@pytest.mark.parametrize("key", FILES)
def test_only_what_is_selected(key: str, tmp_path: Path) -> None:
    assert run(["init", f"--{key.replace('_', '-')}", str(tmp_path)]) == 0
    assert names(tmp_path) == [FILES[key][0]]


def test_nothing_is_written_if_one_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".pre-commit-config.yaml").write_text("mine")
    assert run(["init", str(tmp_path)]) == 2
    assert names(tmp_path) == [".pre-commit-config.yaml"]
    assert ".pre-commit-config.yaml: there already: --force replaces" in capsys.readouterr().err
    assert run(["init", "--config", str(tmp_path)]) == 0
    assert (tmp_path / ".pre-commit-config.yaml").read_text() == "mine"
    assert run(["init", "--force", str(tmp_path)]) == 0
    assert names(tmp_path) == WRITTEN
    assert "mine" not in (tmp_path / ".pre-commit-config.yaml").read_text()


def test_dry_run_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".ptregs-audit.toml").write_text("mine")
    assert run(["init", "--config", "--dry-run", str(tmp_path)]) == 0
    assert 'default = "break"' in capsys.readouterr().out
    assert (tmp_path / ".ptregs-audit.toml").read_text() == "mine"


def test_no_link_leads_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "tree/.github").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "tree/.ptregs-audit.toml").mkdir()
    assert run(["init", "--github", str(tmp_path / "tree")]) == 2
    assert "leads out of" in capsys.readouterr().err
    assert run(["init", "--config", "--force", str(tmp_path / "tree")]) == 2
    assert "is a directory" in capsys.readouterr().err
    assert names(tmp_path) == []


def test_what_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".gitlab").write_text("")
    assert run(["init", "--gitlab", str(tmp_path)]) == 2
    assert "ptregs-audit.yml: not written: " in capsys.readouterr().err


def test_the_configuration_is_one(tmp_path: Path) -> None:
    run(["init", "--config", str(tmp_path)])
    path = tmp_path / ".ptregs-audit.toml"
    found = load(path, trusted=False)
    assert (found.tree, found.thresholds.default) == (tmp_path, Verdict.BREAK)
    # What is commented out is right, too.
    text = path.read_text().replace("\n# ", "\n")
    path.write_text(text)
    assert load(path, trusted=False).thresholds.of("uapi-export") is Verdict.ABI


def test_the_hooks_are_hooks(tmp_path: Path) -> None:
    run(["init", "--pre-commit", str(tmp_path)])
    (repository,) = yaml(tmp_path / ".pre-commit-config.yaml")["repos"]
    hooks = {h["id"]: h for h in repository["hooks"]}
    assert list(hooks) == ["ptregs-audit", "ptregs-audit-full"]
    for hook in hooks.values():
        assert {"id", "name", "entry", "language"} <= set(hook)
    assert hooks["ptregs-audit-full"]["entry"].split()[1] in COMMANDS


@pytest.mark.parametrize(("key", "schema"), [("github", "github-workflows"), ("gitlab", "gitlab-ci")])
def test_ci_files_follow_the_schemas(key: str, schema: str, tmp_path: Path) -> None:
    run(["init", f"--{key}", str(tmp_path)])
    path = tmp_path / FILES[key][0]
    assert __version__ in path.read_text()
    assert consumers.valid(path, schema)
    path.write_text(json.dumps({"on": 1, "jobs": [], "x": {"script": 1}}))
    assert not consumers.valid(path, schema)
