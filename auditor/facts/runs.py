# SPDX-License-Identifier: GPL-2.0-only
"""What whole audits gave, and the state of tree and build that it is true of. `what-if` needs no more than this."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b

import msgspec

from auditor.facts.codec import pack, unpack, unpack_facts
from auditor.facts.database import Database
from auditor.facts.outside import Outside
from auditor.model import Facts, Target

_KEPT = 12
"""Audits at most, each with some 5 MiB for a kernel's directories."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What an audit rests on besides its snapshot. `units`: {unit: digest of its inputs}; `names`: what files include.

    `sound`: whatever changes shows in the snapshot or in `outside`. `whole`: so it does for all of the audit, not only
    for these units.
    """

    sound: bool
    whole: bool
    outside: Outside
    units: Mapping[str, str]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """`target` as the audit was asked; `when`: seconds since the epoch."""

    target: Target
    when: float


class Runs:
    """`code`: the version of everything that makes facts."""

    def __init__(self, database: Database, code: str) -> None:
        self._database, self._code = database, code.encode()

    def basis(self, key: bytes) -> tuple[bytes, Basis] | None:
        """(digest of the snapshot, what else it rests on)"""
        rows = self._database.rows("SELECT CAST(snapshot AS BLOB), CAST(basis AS BLOB) FROM run WHERE key = ?", (key,))
        for digest, packed in rows:
            with contextlib.suppress(ValueError):
                return digest, unpack(packed, Basis)
        return None

    def facts(self, key: bytes) -> Facts | None:
        for (packed,) in self._database.rows("SELECT CAST(facts AS BLOB) FROM run WHERE key = ?", (key,)):
            with contextlib.suppress(ValueError):
                return unpack_facts(packed)
        return None

    def directories(self, digest: bytes) -> dict[str, bytes]:
        """A snapshot's; none if it is damaged."""
        query = "SELECT CAST(directories AS BLOB) FROM snapshot WHERE digest = ?"
        for (packed,) in self._database.rows(query, (digest,)):
            if blake2b(packed, digest_size=16).digest() == digest:
                with contextlib.suppress(msgspec.MsgspecError):
                    return {
                        os.fsdecode(d): e for d, e in msgspec.msgpack.decode(packed, type=dict[bytes, bytes]).items()
                    }
        return {}

    def keep(
        self, key: bytes, tree: str, build: str, directories: bytes, basis: Basis, told: Told, facts: Facts
    ) -> None:
        """Replaces what was kept of the same question. Nothing is kept of names that are no text."""
        digest = blake2b(directories, digest_size=16).digest()
        try:
            row = (digest, pack(basis), pack(told), pack(facts), self._database.turn)
        except ValueError:
            return
        with self._database.writing() as connection:
            if connection is None:
                return
            place = (os.fsencode(tree), os.fsencode(build))
            connection.execute(
                "INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (key, self._code, *place, *row)
            )
            connection.execute("INSERT OR IGNORE INTO snapshot VALUES (?, ?)", (digest, directories))
            connection.execute(
                "DELETE FROM run WHERE key IN (SELECT key FROM run ORDER BY turn DESC LIMIT -1 OFFSET ?)", (_KEPT,)
            )
            connection.execute("DELETE FROM snapshot WHERE digest NOT IN (SELECT snapshot FROM run)")

    def renew(self, key: bytes, told: Told) -> None:
        """The same question was asked again, perhaps by another name, and answered from here."""
        with contextlib.suppress(ValueError), self._database.writing() as connection:
            if connection is not None:
                row = (pack(told), self._database.turn, key)
                connection.execute("UPDATE run SET target = ?, turn = ? WHERE key = ?", row)

    def last(self, tree: str | None, build: str | None) -> tuple[Told, Facts] | None:
        """The last audit by this code, of this tree and this build if they are named."""
        query = "SELECT key, CAST(target AS BLOB) FROM run WHERE code = ?"
        values: list[bytes] = [self._code]
        for column, chosen in (("tree", tree), ("build", build)):
            if chosen is not None:
                query += f" AND {column} = ?"
                values.append(os.fsencode(chosen))
        for key, packed in self._database.rows(f"{query} ORDER BY turn DESC", values):
            facts = self.facts(key)
            with contextlib.suppress(ValueError):
                told = unpack(packed, Told)
                if facts is not None:
                    return told, facts
        return None

    def trees(self) -> list[str]:
        """Of which there are audits by this code."""
        rows = self._database.rows("SELECT DISTINCT CAST(tree AS BLOB) FROM run WHERE code = ?", (self._code,))
        return sorted(os.fsdecode(tree) for (tree,) in rows)

    def others(self) -> bool:
        """Are there audits by other code?"""
        return bool(self._database.rows("SELECT 1 FROM run WHERE code <> ? LIMIT 1", (self._code,)))


def packed_directories(directories: Mapping[str, bytes]) -> bytes:
    return msgspec.msgpack.encode({os.fsencode(d): directories[d] for d in sorted(directories)})


def digest_of(packed: bytes) -> bytes:
    return blake2b(packed, digest_size=16).digest()


def without_filters(target: Target) -> Target:
    return replace(target, filters={})
