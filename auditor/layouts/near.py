# SPDX-License-Identifier: GPL-2.0-only
"""Names near to one that was not found."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_NAMES = 200_000
_SLACK = 3


def near(name: str, known: Iterable[str], count: int = 5) -> list[str]:
    """At most `count` names, the nearest first; none that could drive a terminal.

    Only names of about the same length are looked at, and not too many: a file that is not trusted may hold millions.
    """
    close = {k for k in known if k.isprintable() and k != name and abs(len(k) - len(name)) <= _SLACK}
    return difflib.get_close_matches(name, sorted(close)[:MAX_NAMES], n=count)


def hint(names: list[str]) -> str:
    return f"did you mean {', '.join(names)}?" if names else "no name in it is near to that one"
