# SPDX-License-Identifier: GPL-2.0-only
"""A configuration, read and checked: .ptregs-audit.toml, or [tool.ptregs-audit] of a pyproject.toml.

A configuration that is found may come with the audited tree, and be anybody's. It can name nothing outside of its own
directory, links followed, and no key names a program, a library or a place to write to.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from auditor.config.find import PYPROJECT, TABLE, table_of
from auditor.config.lines import key_lines
from auditor.errors import InputError
from auditor.gate.thresholds import NEVER, Thresholds
from auditor.layouts.near import hint, near
from auditor.vocabulary import KINDS, Verdict

KEYS = ("tree", "build", "proposals", "paths", "baseline", "strict", "fail-on")
DEFAULT = "default"
MAX_ITEMS = 1000
_COMMAND_LINE_ONLY = {
    "libclang": "--libclang or PTREGS_LIBCLANG",
    "cache": "--cache",
    "no-cache": "--no-cache",
    "output": "-o",
    "outputs": "-o",
    "format": "--format",
    "exit-zero": "--exit-zero",
    "jobs": "--jobs",
}
_WORDS = (*(v.value for v in Verdict), NEVER)


@dataclass(frozen=True, slots=True)
class Config:
    """What a configuration says; empty or None where it says nothing. `file` is empty where there is none.

    Paths are absolute. `fail_on`: {kind or DEFAULT: verdict, None for never}. `lines`: {key: line}, where that is
    known.
    """

    file: str = ""
    tree: Path | None = None
    build: Path | None = None
    proposals: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    baseline: Path | None = None
    strict: bool = False
    fail_on: Mapping[str, Verdict | None] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def thresholds(self) -> Thresholds:
        kinds = {k: v for k, v in self.fail_on.items() if k != DEFAULT}
        return Thresholds(self.fail_on.get(DEFAULT, Verdict.BREAK), kinds)

    def place(self, key: str) -> str:
        """`file:line` of a key."""
        line = self.lines.get(key)
        return f"{self.file}:{line}" if line else self.file


def load(path: Path, trusted: bool) -> Config:
    """`trusted`: the user named the file, and it may name what lies elsewhere.

    InputError: unreadable, not TOML, a key that is unknown or has a wrong value, or a path that leads out.
    """
    home = path.absolute().parent
    if not trusted and not _inside(path, home):
        raise InputError(str(path), "is a link that leads out of its directory", f"give --config {path} to trust it")
    found = table_of(path)
    if found is None:
        raise InputError(str(path), f"has no table [{TABLE}]", "that is where a configuration stands in this file")
    table, text = found
    lines = key_lines(text, TABLE if path.name == PYPROJECT else "")
    return _Loader(str(path), home, trusted, lines).config(table)


def _inside(path: Path, directory: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(directory))


@dataclass(frozen=True, slots=True)
class _Loader:
    file: str
    home: Path
    trusted: bool
    lines: Mapping[str, int]

    def config(self, table: Mapping[str, Any]) -> Config:
        for key in table:
            if key not in KEYS:
                self.unknown(key)
        return Config(
            file=self.file,
            tree=self.path(table, "tree"),
            build=self.path(table, "build"),
            proposals=tuple(self.proposal(p) for p in self.texts(table, "proposals")),
            paths=self.texts(table, "paths"),
            baseline=self.path(table, "baseline"),
            strict=self.flag(table, "strict"),
            fail_on=self.thresholds(table.get("fail-on", {})),
            lines=self.lines,
        )

    def fail(self, key: str, problem: str, advice: str = "") -> NoReturn:
        place = f"{self.file}:{self.lines[key]}" if key in self.lines else self.file
        raise InputError(place, f"{key}: {problem}", advice)

    def unknown(self, key: str) -> NoReturn:
        dashed = key.replace("_", "-")
        option = _COMMAND_LINE_ONLY.get(dashed)
        if option:
            self.fail(key, "cannot be set in a configuration, which may come with the tree", f"give {option}")
        like = [dashed] if dashed in KEYS else near(dashed, KEYS, 2)
        self.fail(key, "unknown key", hint(like) if like else "known: " + ", ".join(KEYS))

    def text(self, key: str, value: Any) -> str:
        if not isinstance(value, str) or not value or "\0" in value:
            self.fail(key, f"expected a text, not {_shown(value)}")
        return value

    def texts(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        values = table.get(key, [])
        if not isinstance(values, list) or len(values) > MAX_ITEMS:
            self.fail(key, f"expected a list of at most {MAX_ITEMS} texts, not {_shown(values)}")
        return tuple(dict.fromkeys(self.text(key, v) for v in values))

    def flag(self, table: Mapping[str, Any], key: str) -> bool:
        value = table.get(key, False)
        if not isinstance(value, bool):
            self.fail(key, f"expected true or false, not {_shown(value)}")
        return value

    def path(self, table: Mapping[str, Any], key: str) -> Path | None:
        return self.resolved(key, table[key]) if key in table else None

    def resolved(self, key: str, value: Any) -> Path:
        path = self.home / self.text(key, value)
        if not self.trusted and not _inside(path, self.home):
            self.fail(
                key,
                f"{value!r} leads out of {self.home}",
                "a configuration that is found names only what lies below it: name the path on the command line, or "
                "give --config FILE to trust it",
            )
        # As it was checked: a link that is changed later leads nowhere else.
        return Path(os.path.realpath(path))

    def proposal(self, name: str) -> str:
        """A shipped one's id, or the path of a file."""
        is_file = "/" in name or name.endswith(".toml")
        return str(self.resolved("proposals", name)) if is_file else name

    def thresholds(self, table: Any) -> dict[str, Verdict | None]:
        if not isinstance(table, dict):
            self.fail(
                "fail-on", f"expected a table, not {_shown(table)}", 'write [fail-on] and below it default = "abi"'
            )
        known = (DEFAULT, *KINDS)
        found: dict[str, Verdict | None] = {}
        for key, value in table.items():
            name = f"fail-on.{key}"
            if key not in known:
                like = near(key, known, 3)
                self.fail(name, "unknown kind", hint(like) if like else f"known: {', '.join(known)}")
            if value not in _WORDS or not isinstance(value, str):
                self.fail(name, f"expected one of {', '.join(_WORDS)}, not {_shown(value)}")
            found[key] = None if value == NEVER else Verdict(value)
        return found


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
