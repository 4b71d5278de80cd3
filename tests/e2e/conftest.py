# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.asking import asking, small
from tests.e2e.helpers import ROOT, audit
from tests.outcome import Outcome

__all__ = ["asking", "small"]


@pytest.fixture(autouse=True)
def private_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's own cache, or obeys the user's own settings."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "PTREGS_DEBUG", "PTREGS_LIBCLANG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A minikernel of the test's own."""
    return Path(shutil.copytree(ROOT / "fixtures/minikernel", tmp_path / "linux"))


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The audit of an undamaged minikernel."""
    return audit(ROOT / "fixtures/minikernel", output=tmp_path_factory.mktemp("sound") / "report.json")
