# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.program import run

NAMES = ("PTREGS_KERNEL_TREE", "PTREGS_KERNEL_BUILD")


@dataclass(frozen=True, slots=True)
class Audited:
    code: int
    tree: Path
    build: Path
    report: dict[str, Any]


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """The one audit of the real tree. Where it must run and cannot, that is a failure."""
    missing = [n for n in NAMES if not os.environ.get(n)]
    if missing:
        reason = f"{' and '.join(missing)} not set (make test sets them)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    tree, build = (Path(os.environ[n]) for n in NAMES)
    target = tmp_path_factory.mktemp("realkernel") / "report.json"
    jobs = len(os.sched_getaffinity(0))
    code = run(["audit", str(tree), "--build", str(build), "--no-cache", "-j", str(jobs), "-o", f"json={target}"])
    assert target.exists(), f"no report; exit code {code}"
    return Audited(code, tree, build, json.loads(target.read_text()))
