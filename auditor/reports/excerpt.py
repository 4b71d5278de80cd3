# SPDX-License-Identifier: GPL-2.0-only
"""Source lines around a site, from the tree and from nowhere else: a report may name any file it likes."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from auditor.errors import InputError
from auditor.terminal import printable

CONTEXT = 3
MOST_LINES = 40
LAST_LINE = 10**9


def excerpt(tree: Path, file: str, line: int, end_line: int) -> list[str]:
    """Numbered lines, the site's own marked with `>`. InputError: not a regular file inside the tree."""
    root = tree.resolve()
    try:
        path = (root / file).resolve()
        inside = path.is_relative_to(root) and path.is_file()
    except (OSError, ValueError, RuntimeError) as e:
        raise InputError(file, f"not a file: {e}") from e
    if not inside:
        raise InputError(file, f"not a file inside {tree}", "give the audited tree with --tree")
    if line > LAST_LINE:
        raise InputError(file, f"has no line {line}")
    first = max(line - CONTEXT, 1)
    last = min(max(end_line, line) + CONTEXT, first + MOST_LINES)
    try:
        with path.open(encoding="utf-8", errors="replace") as f:
            lines = list(islice(f, first - 1, last))
    except OSError as e:
        raise InputError(file, e.strerror or "cannot be read") from e
    return [
        f"{'>' if line <= n <= max(end_line, line) else ' '} {n:>5}  {printable(text.rstrip().expandtabs(8))}".rstrip()
        for n, text in enumerate(lines, first)
    ]
