# SPDX-License-Identifier: GPL-2.0-only
"""The files that `init` writes; `@VERSION@` is that of this program."""

from __future__ import annotations

from pathlib import Path

from auditor import __version__


def text(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8").replace("@VERSION@", __version__)
