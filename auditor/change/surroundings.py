# SPDX-License-Identifier: GPL-2.0-only
"""What a version of the tree says besides the files of a change: what the headers declare that these include, and the
header that defines the struct. Read from git's objects."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from auditor.arch import Arch
from auditor.change.changed import at, blobs, object_names
from auditor.change.git import Repository
from auditor.evidence.text.declared import includes

_DEPTH = 2
"""A header of a header: deeper ones declare nothing that a source uses without including it itself."""
_MOST = 800
"""Headers that are looked at."""


@dataclass(frozen=True, slots=True)
class Side:
    """One version of the tree. `name`: of a commit or tree, or empty for the index; `prefix`: of the tree in the
    repository, with a `/` at its end."""

    repository: Repository
    name: str
    prefix: str

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """{path from the tree: content} of those files that are there."""
        wanted = {p: n for p in paths if (n := at(self.name, self.prefix + p))}
        return {p: data for p, data in zip(wanted, blobs(self.repository, wanted.values()), strict=True) if data}

    def names(self, paths: Iterable[str]) -> dict[str, str]:
        """{path from the tree: name of its content} of those files that are there."""
        wanted = {p: n for p in paths if (n := at(self.name, self.prefix + p))}
        return {p: n for p, n in zip(wanted, object_names(self.repository, wanted.values()), strict=True) if n}


def included(side: Side, files: Mapping[str, bytes], arch: Arch) -> dict[str, bytes]:
    """{path: content} of the headers that files of the tree include, two levels deep and as far as their names say
    where they are."""
    found: dict[str, bytes] = {}
    level: Mapping[str, bytes] = files
    for _ in range(_DEPTH):
        candidates = {c for path, data in level.items() for c in _candidates(path, data, arch)}
        fresh = sorted(candidates - found.keys() - files.keys())[: max(0, 5 * _MOST)]
        level = side.read(fresh)
        found.update(level)
        if len(found) > _MOST:
            break
    return found


def _candidates(path: str, data: bytes, arch: Arch) -> Iterable[str]:
    own = f"arch/{arch.directory}/include"
    for name in includes(data):
        for directory in (posixpath.dirname(path), own, "include", f"{own}/uapi", "include/uapi"):
            candidate = posixpath.normpath(posixpath.join(directory, name))
            if not candidate.startswith(("..", "/")):
                yield candidate
