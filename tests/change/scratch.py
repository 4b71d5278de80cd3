# SPDX-License-Identifier: GPL-2.0-only
"""A repository of a handful of a real kernel's files, compiled with that kernel's commands and headers: nothing of the
kernel is copied but these, and nothing of it is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from auditor import arch as archs
from auditor.kernel.discover import discover
from auditor.kernel.tree import open_build, open_tree
from tests.change.repository import Repo

_TREE = ("Makefile", "Kconfig")


def scratch(tree: Path, build: Path, files: Sequence[str], path: Path) -> tuple[Repo, Path]:
    """(the repository with one commit, its compile commands). The commands search the real tree for headers."""
    path.mkdir()
    for name in (*_TREE, *files):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tree / name, path / name)
    (path / "include/linux").mkdir(parents=True, exist_ok=True)
    (path / "arch").mkdir(exist_ok=True)
    (path / "include/linux/.keep").touch()
    opened = open_tree(tree)
    units = discover(opened, open_build(opened, build, archs.by_id("x86_64"))).units
    entries = []
    for unit in units:
        if unit.source in files:
            source = str(path / unit.source)
            words = [source if w.endswith(f"/{unit.source}") or w == unit.source else w for w in unit.arguments]
            # A name in quotes is looked for beside the file that includes it: there it is not.
            words.insert(0, f"-I{(opened.root / unit.source).parent}")
            entries.append(
                {"directory": unit.directory, "file": source, "output": unit.object, "arguments": ["gcc", *words]}
            )
    repo = Repo(path, empty=True)
    repo.commit("first")
    compdb = path.with_name("commands.json")
    compdb.write_text(json.dumps(entries))
    return repo, compdb
