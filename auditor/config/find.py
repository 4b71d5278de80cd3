# SPDX-License-Identifier: GPL-2.0-only
"""Where a configuration is looked for: from a directory up to the root of its git repository.

Without a repository only the directory itself counts: what lies above may be anybody's (/tmp).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from auditor.errors import InputError
from auditor.files import open_regular

NAME = ".ptregs-audit.toml"
PYPROJECT = "pyproject.toml"
TABLE = "tool.ptregs-audit"
LARGEST = 1 << 20


def find(start: Path) -> Path | None:
    """The nearest NAME, or PYPROJECT with our table. InputError: one that seems to be ours cannot be read."""
    for directory in _upward(start.absolute()):
        if os.path.lexists(own := directory / NAME):
            return own
        other = directory / PYPROJECT
        if os.path.isfile(other) and table_of(other) is not None:
            return other
    return None


def _upward(start: Path) -> Iterator[Path]:
    directories = (start, *start.parents)
    tops = [n for n, d in enumerate(directories) if os.path.exists(d / ".git")]
    yield from directories[: tops[0] + 1 if tops else 1]


def table_of(path: Path) -> tuple[dict[str, Any], str] | None:
    """(our table, the text of the file); None: a pyproject.toml without it.

    InputError: unreadable, too large, not UTF-8, not TOML (with line and column).
    """
    stream, _ = open_regular(str(path))
    with stream:
        try:
            data = stream.read(LARGEST + 1)
        except OSError as e:
            raise InputError(str(path), e.strerror or "cannot be read") from e
    shared = path.name == PYPROJECT
    if shared and b"ptregs-audit" not in data:
        # Somebody else's: whatever it is, it does not concern us.
        return None
    if len(data) > LARGEST:
        raise InputError(str(path), f"is larger than {LARGEST >> 20} MiB", "a configuration was expected")
    try:
        text = data.decode("utf-8")
        found = tomllib.loads(text)
    except UnicodeDecodeError as e:
        raise InputError(str(path), f"not UTF-8 at byte {e.start}") from e
    except tomllib.TOMLDecodeError as e:
        raise InputError(str(path), f"not TOML: {e}") from e
    except RecursionError:
        raise InputError(str(path), "nested too deeply for a configuration") from None
    if not shared:
        return found, text
    table: Any = found
    for key in TABLE.split("."):
        if not isinstance(table, dict) or key not in table:
            return None
        table = table[key]
    if not isinstance(table, dict):
        raise InputError(str(path), f"{TABLE}: expected a table", f"write [{TABLE}]")
    return table, text
