# SPDX-License-Identifier: GPL-2.0-only
"""Stable ids of sites: they survive line shifts and reformatting, and tell equal sites apart.

An id is made of rule, path, function, the expression without comments and spacing, and the ordinal among equals in
line order. It never holds a line number: a baseline written today must still match after an unrelated edit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Sequence

from auditor.model import Site

ID_LENGTH = 12

_TOKEN = re.compile(
    r"""(?P<literal>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<blank>(?:\s|/\*.*?\*/|//[^\n]*)+)|.""", re.DOTALL
)


def normalise(expression: str) -> str:
    """The expression without comments; a space remains only where two words would otherwise run together."""
    parts: list[str] = []
    gap = False
    for token in _TOKEN.finditer(expression):
        if token["blank"]:
            gap = True
            continue
        text = token[0]
        if gap and parts and _wordlike(parts[-1][-1]) and _wordlike(text[0]):
            parts.append(" ")
        parts.append(text)
        gap = False
    return "".join(parts)


def _wordlike(character: str) -> bool:
    return character.isalnum() or character in "_$"


def assign_ids(sites: Sequence[Site]) -> list[str]:
    """One id per site, in the order given. Adding a site changes the ids of its equals further down only."""
    equals: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
    for index, site in enumerate(sites):
        equals[site.rule, site.file, site.function, normalise(site.expression)].append(index)
    ids = [""] * len(sites)
    for key, indices in equals.items():
        in_line_order = sorted(indices, key=lambda i: (sites[i].line, sites[i].column, sites[i].end_line, i))
        for ordinal, index in enumerate(in_line_order):
            ids[index] = _digest(*key, ordinal)
    return ids


def _digest(*parts: str | int) -> str:
    # JSON keeps the parts apart whatever characters they hold, lone surrogates of file names included.
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()[:ID_LENGTH]
