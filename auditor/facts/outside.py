# SPDX-License-Identifier: GPL-2.0-only
"""What an audit depends on besides the files below tree and build: compilers' headers, modules built elsewhere, links
on the way. Few files, asked for one by one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from auditor.kernel.snapshot import Snapshot, is_fresh, signature


@dataclass(frozen=True, slots=True)
class Outside:
    """`files`: {path: signature in hex, empty where there is none}; `links`: {directory as it is written: the one that
    it means}, where these differ.

    `searched`: directories in which `names` are looked for; `found`: a digest of which are there. `settled`: none of
    these directories changed while the audit ran.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    searched: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    found: str = ""
    settled: bool = True

    def changed(self, limit: int) -> frozenset[str] | None:
        """The files that are not as they were; None: another file may be meant by any name."""
        if any(os.path.realpath(d) != real for d, real in self.links.items()):
            return None
        if _found(self.searched, self.names) != self.found:
            return None
        return frozenset(f for f, was in self.files.items() if signature(f, limit).hex() != was)


class Watch:
    """Collects what lies outside of a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._files: dict[str, str] = {}
        self._links: dict[str, str] = {}
        self._seen: dict[str, bool] = {}

    def files(self, paths: Iterable[str]) -> None:
        for path in paths:
            if not self._covers(os.path.dirname(path)):
                self._files[path] = signature(path, self._snapshot.limit).hex()

    def outside(self, directories: Iterable[str], names: Iterable[str]) -> Outside:
        """`directories` are searched for files that are included by these names."""
        elsewhere = tuple(sorted(d for d in directories if not self._covers(d)))
        asked = tuple(sorted(names)) if elsewhere else ()
        settled = not any(_is_fresh(d, self._snapshot.limit) for d in _looked_in(elsewhere, asked))
        return Outside(self._files, self._links, elsewhere, asked, _found(elsewhere, asked), settled)

    def _covers(self, directory: str) -> bool:
        """Is it one of the snapshot's, by this name or by another one?"""
        known = self._seen.get(directory)
        if known is None:
            known = directory in self._snapshot.directories
            if not known:
                real = os.path.realpath(directory)
                known = real in self._snapshot.directories
                if real != directory:
                    self._links[directory] = real
            self._seen[directory] = known
        return known


def _looked_in(directories: Iterable[str], names: Iterable[str]) -> set[str]:
    inner = {os.path.dirname(n) for n in names} | {""}
    return {os.path.join(d, i) for d in directories for i in inner}


def _is_fresh(directory: str, limit: int) -> bool:
    try:
        return is_fresh(os.stat(directory).st_ctime_ns, limit)
    except OSError:
        return False


def _found(directories: Iterable[str], names: Iterable[str]) -> str:
    there = bytes(os.path.isfile(os.path.join(d, n)) for d in directories for n in names)
    return blake2b(there, digest_size=16).hexdigest()
