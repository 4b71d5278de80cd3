# SPDX-License-Identifier: GPL-2.0-only
"""In which line of a TOML file a key stands: tomllib does not say."""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\"'-]+(?:\s*\.\s*[A-Za-z0-9_\"'-]+)*)\s*=")


def key_lines(text: str, table: str = "") -> dict[str, int]:
    """{key, dotted, relative to the table: line}. A key that seems to stand twice (a text of several lines may look
    like one) is left out: no line is better than a wrong one."""
    found: dict[str, list[int]] = {}
    prefix = f"{table}." if table else ""
    header = ""
    for number, line in enumerate(text.split("\n"), 1):
        if match := _HEADER.fullmatch(line):
            header = f"{_plain(match[1])}."
            name = header
        elif match := _KEY.match(line):
            name = f"{header}{_plain(match[1])}."
        else:
            continue
        if name.startswith(prefix) and name != prefix:
            found.setdefault(name[len(prefix) : -1], []).append(number)
    return {name: numbers[0] for name, numbers in found.items() if len(numbers) == 1}


def _plain(key: str) -> str:
    return re.sub(r"\s*\.\s*", ".", key).replace('"', "").replace("'", "")
