# SPDX-License-Identifier: GPL-2.0-only
"""Where the shipped data lies: `rules/` and the minikernel, in a checkout and in an installed wheel."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from auditor.errors import InputError
from auditor.files import read_bounded

FORMAT = 1
_LARGEST = 1 << 20
"""Version of every TOML file under rules/; the first key of each file. Another value is an error."""


def _shipped(packaged: str, checkout: str) -> Path:
    package = Path(__file__).resolve().parent
    inside = package / packaged
    return inside if inside.is_dir() else package.parent / checkout


def rules_dir() -> Path:
    return _shipped("_rules", "rules")


def minikernel_dir() -> Path:
    return _shipped("_minikernel", "fixtures/minikernel")


def read_toml(path: Path) -> dict[str, Any]:
    """A rules file as a dictionary. InputError: unreadable, not UTF-8, not TOML, or of another format version."""
    try:
        data = tomllib.loads(read_bounded(str(path), _LARGEST).decode("utf-8"))
    except UnicodeDecodeError as e:
        raise InputError(str(path), f"not UTF-8 at byte {e.start}") from e
    except tomllib.TOMLDecodeError as e:
        raise InputError(str(path), f"not TOML: {e}") from e
    if data.get("format") != FORMAT:
        raise InputError(str(path), f"format = {data.get('format')!r}, expected format = {FORMAT}")
    return data
