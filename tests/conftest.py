# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.consumers import missing

_NAMES = ("PTREGS_KERNEL_TREE", "PTREGS_KERNEL_BUILD")


@pytest.fixture(scope="session")
def kernel_paths() -> tuple[Path, Path]:
    """(tree, build) of the real kernel. A developer may do without; where every test must run, that is a failure."""
    unset = [n for n in _NAMES if not os.environ.get(n)]
    if unset:
        missing(f"{' and '.join(unset)} not set (make test sets them)")
    tree, build = (Path(os.environ[n]) for n in _NAMES)
    return tree, build
