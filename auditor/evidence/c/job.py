# SPDX-License-Identifier: GPL-2.0-only
"""What a worker is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.evidence.c.sites import Found
from auditor.model import Layout

Overlays = Mapping[str, Mapping[str, bytes]]
"""{version: {absolute path: content}}: what is read in place of what is there, or though nothing is there."""

UNITS_NAMES = ("-DKBUILD_", "-D__KBUILD_")
"""What Kbuild says of the single unit. No header's code looks at it."""


@dataclass(frozen=True, slots=True)
class Prelude:
    """Headers, by absolute path, that units with the same flags share: parsed once, with `arguments`.

    `macros`: (name, definition) of what Kbuild defines otherwise for each unit. Inline functions of headers print it.
    """

    headers: tuple[str, ...]
    arguments: tuple[str, ...]
    macros: tuple[tuple[str, str], ...] = ()

    def text(self) -> str:
        lines = [f"#define {name} {value}" for name, value in self.macros]
        lines += [f'#include "{header}"' for header in self.headers]
        # A unit's own definition comes from its command.
        return "\n".join([*lines, *(f"#undef {name}" for name, _ in self.macros), ""])


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to analyse one unit. `source` and `directory` are absolute; `root` is the tree. `version`:
    which of the overlays the files are read through; empty: as they are."""

    source: str
    object: str
    directory: str
    arguments: tuple[str, ...]
    root: str
    struct: str
    arch: str
    asm_filled: frozenset[str]
    prelude: Prelude | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """`skipped`: {file: ranges of lines that the preprocessor left out}, for files that name the struct.

    `handed_on`: types that hold the object by value and whose object some function hands on as a plain pointer.
    """

    object: str
    source: str
    found: tuple[Found, ...] = ()
    layout: Layout | None = None
    files: tuple[str, ...] = ()
    handed_on: tuple[str, ...] = ()
    skipped: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    error: str = ""
