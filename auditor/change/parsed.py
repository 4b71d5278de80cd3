# SPDX-License-Identifier: GPL-2.0-only
"""What is asked of the units of a change, and what they gave. Only data: what parses is imported where there is a
build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from auditor.change.surroundings import Side
from auditor.kernel.closure import Leading
from auditor.model import Failure, Layout, Site


@dataclass(frozen=True, slots=True)
class Building:
    """How the tree is built. `led`: what the last audit found to lead to the struct; `readers`: for each unit of that
    audit that read a changed header, all files that it read, or None if there was none. `patient`: look through all
    texts of the tree then."""

    root: Path
    build: Path | None
    compdb: Path | None
    jobs: int
    libclang: str | None
    led: Leading | None
    readers: tuple[frozenset[str], ...] | None
    patient: bool


@dataclass(frozen=True, slots=True)
class Parsed:
    """What the units of one version gave; paths from the tree. `read`: files that a unit read to its end."""

    sites: tuple[Site, ...] = ()
    functions: tuple[tuple[str, str, str, tuple[int, ...]], ...] = ()
    layout: Layout | None = None
    read: frozenset[str] = frozenset()
    inactive: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Both:
    """`units` were asked, `analysed` gave something in both versions."""

    base: Parsed
    head: Parsed
    units: int
    analysed: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Files:
    """One version: where it is read, and {path from the tree: content} of everything that the change touches. A file
    that was renamed is in the older version by both names: the command knows the newer one. `absent`: what the other
    version has and this one has not."""

    side: Side
    contents: Mapping[str, bytes]
    absent: frozenset[str]
