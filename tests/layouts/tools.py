# SPDX-License-Identifier: GPL-2.0-only
"""Compilers and pahole for the tests. A tool that is missing fails the test that needs it, with what to install."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent / "sources"
TRICKY = SOURCES / "tricky.c"
PT_REGS = SOURCES / "pt_regs.h"

_CLANGS = ("clang", *(f"clang-{n}" for n in range(25, 12, -1)))


def tool(*names: str, package: str) -> str:
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    pytest.fail(f"{names[0]} is not installed (Debian: apt install {package}); this test compares with it")


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        pytest.fail(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def gcc(source: Path, output: Path, *flags: str) -> str:
    run(tool("gcc", package="gcc"), "-c", *flags, "-o", str(output), str(source))
    return str(output)


def clang(source: Path, output: Path, *flags: str) -> str:
    run(tool(*_CLANGS, package="clang"), "-c", *flags, "-o", str(output), str(source))
    return str(output)


def pahole() -> str:
    return tool("pahole", package="dwarves")


def with_btf(path: str) -> str:
    """Adds a .BTF section, made from the DWARF, to the object."""
    run(pahole(), "-J", path)
    return path


_FIELD = re.compile(r"(?P<declaration>[^;]*);\s*/\*\s*(?P<offset>\d+)(?::\s*(?P<bit>\d+))?\s+(?P<size>\d+)\s*\*/")


def pahole_fields(path: str, struct: str) -> list[tuple[str, int, int, int | None]]:
    """(name, offset, size, bit offset) of every named member, members of unnamed unions in their place.

    Members of a named struct that pahole expands stand at a deeper level and are skipped; `tricky.c` has one.
    """
    text = run(pahole(), "-C", struct, path)
    found = []
    for line in _without_named_records(re.sub(r" __attribute__\(\(\w+\(\d+\)\)\)", "", text).splitlines()):
        match = _FIELD.search(line)
        if not match:
            continue
        declaration = match["declaration"].split(":")[0] if match["bit"] else match["declaration"]
        name = re.search(r"\(\*(\w+)\)", declaration) or re.search(r"(\w+)(?:\[\d*\])*\s*$", declaration)
        if name and "}" not in declaration:
            bit = int(match["bit"]) if match["bit"] else None
            found.append((name[1], int(match["offset"]), int(match["size"]), bit))
        elif name:
            found.append((name[1], int(match["offset"]), int(match["size"]), None))
    return found


def _without_named_records(lines: list[str]) -> list[str]:
    """The lines, without the members of records that have a member name after their brace."""
    kept: list[str] = []
    opened: list[int] = []
    for line in lines[1:]:
        text = line.strip()
        if text.endswith("{"):
            opened.append(len(kept))
        elif text.startswith("}") and opened:
            start = opened.pop()
            if re.match(r"}\s*\**\s*\w", text):
                del kept[start:]
                kept.append(line)
        else:
            kept.append(line)
    return kept


def pahole_size(path: str, struct: str) -> int:
    match = re.search(r"/\* size: (\d+),", run(pahole(), "-C", struct, path))
    assert match, f"pahole shows no size for {struct}"
    return int(match[1])
