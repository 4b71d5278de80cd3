# SPDX-License-Identifier: GPL-2.0-only
"""What files gave to a reading, kept by directory. A directory that looks as it did is not opened, and one that does
not is read again as far as its files changed.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Generic

from auditor.facts.codec import pack, unpack
from auditor.facts.database import Database
from auditor.kernel.snapshot import Snapshot, entries, regular_files
from auditor.kernel.texts import Reading, T, Texts, printable
from auditor.model import Failure

_KEPT = 24
"""Readings at most: a few for each of a few trees."""
_NOTHING = pack({})


class KeptTexts(Texts):
    """`before`: {directory: entries} of an earlier snapshot, to tell which files of a directory changed."""

    def __init__(self, database: Database, version: str, now: Snapshot, before: Mapping[str, bytes]) -> None:
        self._database, self._version, self._now, self._before = database, version, now, before
        self._readings: dict[tuple[str, bool], _Kept[Any]] = {}

    def below(self, root: str, skip: Collection[str], reading: Reading[T]) -> tuple[list[tuple[str, T]], list[Failure]]:
        now = self._now
        directories = self._below(root)
        if not directories or any(d in now.directories and d not in now.below for d in skip):
            return super().below(root, skip, reading)
        kept = self._kept(reading, whole=True)
        values: list[tuple[str, T]] = []
        unread: list[Failure] = []
        start = len(root.rstrip(os.sep)) + 1
        for directory in directories:
            prefix = f"{directory[start:]}/" if len(directory) >= start else ""
            if directory in now.unreadable:
                unread.append(Failure(printable(prefix) or ".", now.unreadable[directory]))
                continue
            found, failed = kept.all_of(directory)
            values += [(prefix + name, value) for name, value in found.items()]
            unread += [Failure(printable(prefix + name), why) for name, why in failed.items()]
        return values, unread

    def _below(self, root: str) -> Sequence[str]:
        """The directories of a root of the snapshot, or of a part of one."""
        now = self._now
        if root in now.below or root not in now.directories:
            return now.below.get(root, ())
        inside = root + os.sep
        return [d for d in now.directories if d == root or d.startswith(inside)]

    def of(self, path: str, reading: Reading[T]) -> T:
        directory, name = os.path.split(path)
        if directory not in self._now.directories:
            return super().of(path, reading)
        return self._kept(reading, whole=False).one_of(directory, name)

    def remembers(self, path: str, reading: Reading[T]) -> bool:
        directory, name = os.path.split(path)
        return directory in self._now.directories and self._kept(reading, whole=False).remembers(directory, name)

    def finish(self) -> None:
        """Writes what is new, and lets go of readings that nobody asked for lately."""
        with self._database.writing() as connection:
            if connection is None:
                return
            for kept in self._readings.values():
                rows, gone = kept.news()
                connection.executemany("INSERT OR REPLACE INTO text VALUES (?, ?, ?, ?)", rows)
                connection.executemany("DELETE FROM text WHERE reading = ? AND directory = ?", gone)
                connection.execute("INSERT OR REPLACE INTO reading VALUES (?, ?)", (kept.key, self._database.turn))
            old = connection.execute(
                "SELECT key FROM reading ORDER BY turn DESC LIMIT -1 OFFSET ?", (_KEPT,)
            ).fetchall()
            connection.executemany("DELETE FROM text WHERE reading = ?", old)
            connection.executemany("DELETE FROM reading WHERE key = ?", old)

    def _kept(self, reading: Reading[T], whole: bool) -> _Kept[T]:
        kept = self._readings.get((reading.name, whole))
        if kept is None:
            named = json.dumps([self._version, reading.name, whole, *list(self._now.below)[:1]])
            key = blake2b(named.encode(), digest_size=16).digest()
            query = "SELECT CAST(directory AS BLOB), CAST(digest AS BLOB), CAST(found AS BLOB) FROM text "
            rows = self._database.rows(query + "WHERE reading = ?", (key,))
            old = {os.fsdecode(directory): (digest, found) for directory, digest, found in rows}
            kept = _Kept(key, reading, self._now.directories, self._before, old)
            self._readings[reading.name, whole] = kept
        kept.reading = reading
        return kept


class _Kept(Generic[T]):
    """One reading's directories. `old`: {directory: (digest of its entries, values)}, as it was kept.

    Either all files of a directory are asked for, and what gives nothing is not kept, or one by one, and all is.
    """

    def __init__(
        self,
        key: bytes,
        reading: Reading[T],
        now: Mapping[str, bytes],
        before: Mapping[str, bytes],
        old: Mapping[str, tuple[bytes, bytes]],
    ) -> None:
        self.key, self.reading = key, reading
        self._now, self._before, self._old = now, before, old
        self._values: dict[str, dict[str, T]] = {}
        self._files: dict[str, frozenset[str]] = {}
        self._new: set[str] = set()

    def all_of(self, directory: str) -> tuple[dict[str, T], dict[str, str]]:
        """({file: value}, {file: why it cannot be read}) of the regular files."""
        values, settled = self._remembered(directory)
        failed: dict[str, str] = {}
        if settled is not None:
            for name in regular_files(self._now[directory]):
                if name in settled:
                    continue
                try:
                    value = self.reading.read(os.path.join(directory, name))
                except OSError as e:
                    failed[name] = e.strerror or "cannot be read"
                    continue
                if value != self.reading.nothing:
                    values[name] = value
        if failed:
            # It may be readable the next time, without having changed.
            self._new.discard(directory)
        return values, failed

    def remembers(self, directory: str, name: str) -> bool:
        return name in self._one_by_one(directory)

    def one_of(self, directory: str, name: str) -> T:
        values = self._one_by_one(directory)
        if name in values:
            return values[name]
        value = self.reading.read(os.path.join(directory, name))
        if name in self._files[directory]:
            values[name] = value
            self._new.add(directory)
        return value

    def _one_by_one(self, directory: str) -> dict[str, T]:
        values = self._values.get(directory)
        if values is None:
            values, _ = self._remembered(directory)
            self._files[directory] = frozenset(regular_files(self._now[directory]))
        return values

    def news(self) -> tuple[list[tuple[bytes, bytes, bytes, bytes]], list[tuple[bytes, bytes]]]:
        """Rows to write, and (reading, directory) of those to delete."""
        rows = []
        for directory in self._new:
            values = self._values[directory]
            with contextlib.suppress(ValueError):
                row = (os.fsencode(directory), _digest(self._now[directory]), pack(values) if values else _NOTHING)
                rows.append((self.key, *row))
        return rows, [(self.key, os.fsencode(d)) for d in self._old if d not in self._now]

    def _remembered(self, directory: str) -> tuple[dict[str, T], set[str] | None]:
        """Values that are still true, and the files that they are all of (None: every file of the directory)."""
        values: dict[str, T] = {}
        settled: set[str] | None = set()
        digest, packed = self._old.get(directory, (b"", b""))
        now, before = self._now[directory], self._before.get(directory)
        try:
            if digest == _digest(now):
                values, settled = self._unpack(packed), None
            elif before is not None and digest == _digest(before):
                was = entries(before)
                settled = {name for name, signature in entries(now).items() if was.get(name) == signature}
                values = {name: value for name, value in self._unpack(packed).items() if name in settled}
        except ValueError:
            # Damaged: read again.
            values, settled = {}, set()
        self._values[directory] = values
        if settled is not None:
            self._new.add(directory)
        return values, settled

    def _unpack(self, packed: bytes) -> dict[str, T]:
        return {} if packed == _NOTHING else unpack(packed, dict[str, self.reading.kind])  # type: ignore[name-defined]


def _digest(packed: bytes) -> bytes:
    return blake2b(packed, digest_size=16).digest()
