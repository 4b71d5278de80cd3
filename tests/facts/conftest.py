# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from pathlib import Path

import pytest

from auditor.evidence.c.job import Job
from tests.facts.keeping import make_unit


@pytest.fixture
def unit(tmp_path: Path) -> Job:
    return make_unit(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache/facts.sqlite"
