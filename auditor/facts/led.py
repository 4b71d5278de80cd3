# SPDX-License-Identifier: GPL-2.0-only
"""What the last audit of a tree left behind, for who asks for little of it and has little time."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from auditor.facts.codec import unpack
from auditor.facts.database import Database


@dataclass(frozen=True, slots=True)
class Led:
    """The part of `auditor.kernel.lent.Lent` that says which names lead to the struct. `headers`: that write one."""

    everywhere: frozenset[str]
    nearby: Mapping[str, frozenset[str]]
    switches: frozenset[str]
    headers: frozenset[str]
    objects: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        return self.everywhere | self.nearby.keys()


def last_led(database: Database, tree: str, build: str) -> Led | None:
    """Of the last audit of this tree with this build; both resolved. It may be of an older version of the tool or of
    the tree: what leads to the struct changes slowly, and a name too many costs time only."""
    query = (
        "SELECT CAST(lent.lent AS BLOB) FROM lent JOIN run ON run.key = lent.key "
        "WHERE run.tree = ? AND run.build = ? ORDER BY run.turn DESC LIMIT 1"
    )
    for (packed,) in database.rows(query, (os.fsencode(tree), os.fsencode(build))):
        with contextlib.suppress(ValueError):
            return unpack(packed, Led)
    return None


def including(database: Database, paths: Collection[str]) -> Iterator[frozenset[str]]:
    """For each unit whose facts are kept and that read one of these files: all files that it read. Absolute paths."""
    wanted = frozenset(paths)
    needles = [os.path.basename(p).encode() for p in wanted]
    for (packed,) in database.rows("SELECT CAST(inputs AS BLOB) FROM unit"):
        with contextlib.suppress(ValueError, zlib.error):
            # Most units are told apart by a search in the text, which costs a hundredth of decoding it.
            if any(n in zlib.decompress(packed) for n in needles):
                inputs = frozenset(unpack(packed, tuple[str, ...]))
                if not wanted.isdisjoint(inputs):
                    yield inputs
