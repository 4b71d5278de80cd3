# SPDX-License-Identifier: GPL-2.0-only
"""The list of mutants, mutants.toml, and what it means to apply one."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("mutants.toml")
DEFAULT_TESTS = ("tests/evidence", "tests/judge")
KEYS = {"name", "file", "find", "replace", "why", "tests", "may-crash"}


class ListError(Exception):
    """The list does not fit the code: a mutant that changes nothing must never count as noticed."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. `find` occurs exactly once in `file`; `may_crash`: the change may keep the code from loading."""

    name: str
    file: str
    find: str
    replace: str
    why: str
    tests: tuple[str, ...]
    may_crash: bool

    def applied(self, text: str) -> str:
        count = text.count(self.find)
        if count != 1:
            raise ListError(f"{self.name}: its text occurs {count} times in {self.file}, expected once")
        if self.find == self.replace:
            raise ListError(f"{self.name}: changes nothing")
        return text.replace(self.find, self.replace)


def load(path: Path = LIST) -> list[Mutant]:
    with path.open("rb") as f:
        return [_mutant(entry) for entry in tomllib.load(f)["mutant"]]


def _mutant(entry: dict[str, Any]) -> Mutant:
    name = str(entry.get("name", "without name"))
    if set(entry) - KEYS:
        raise ListError(f"{name}: unknown key {sorted(set(entry) - KEYS)[0]!r}")
    try:
        return Mutant(
            name=name,
            file=entry["file"],
            find=entry["find"],
            replace=entry["replace"],
            why=entry["why"],
            tests=tuple(entry.get("tests", DEFAULT_TESTS)),
            may_crash=entry.get("may-crash", False),
        )
    except KeyError as e:
        raise ListError(f"{name}: key {e.args[0]!r} is missing") from e
