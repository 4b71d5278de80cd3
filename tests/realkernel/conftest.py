# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.program import run


@dataclass(frozen=True, slots=True)
class Audited:
    code: int
    tree: Path
    build: Path
    report: dict[str, Any]


@pytest.fixture(scope="session")
def audited(kernel_paths: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """The one audit of the real tree."""
    tree, build = kernel_paths
    target = tmp_path_factory.mktemp("realkernel") / "report.json"
    jobs = len(os.sched_getaffinity(0))
    code = run(["audit", str(tree), "--build", str(build), "--no-cache", "-j", str(jobs), "-o", f"json={target}"])
    assert target.exists(), f"no report; exit code {code}"
    return Audited(code, tree, build, json.loads(target.read_text()))
