# SPDX-License-Identifier: GPL-2.0-only
"""The file that facts are kept in: SQLite, opened with care.

The store is a convenience: whatever is wrong with it costs time, never an answer. One that is damaged, foreign or of
another format is put aside; one that cannot be written is only read; any trouble later ends its use for this audit.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

NAME = "facts.sqlite"
FORMAT = 3
_BUSY = 5.0
"""Seconds to wait for another audit that is writing."""
_TABLES = {
    # What one unit gave.
    "unit": "key BLOB PRIMARY KEY, digest BLOB NOT NULL, inputs BLOB NOT NULL, result BLOB NOT NULL, "
    "turn INTEGER NOT NULL",
    # What a whole audit gave, and what it was true of.
    "run": "key BLOB PRIMARY KEY, code BLOB NOT NULL, tree BLOB NOT NULL, build BLOB NOT NULL, snapshot BLOB NOT NULL, "
    "basis BLOB NOT NULL, target BLOB NOT NULL, facts BLOB NOT NULL, turn INTEGER NOT NULL",
    # The state of tree and build that runs were true of, by its digest.
    "snapshot": "digest BLOB PRIMARY KEY, directories BLOB NOT NULL",
    # What the text closure of a run gave.
    "lent": "key BLOB PRIMARY KEY, snapshot BLOB NOT NULL, lent BLOB NOT NULL",
    # What the files of a directory gave to one way of reading them, while the directory has this digest.
    "text": "reading BLOB NOT NULL, directory BLOB NOT NULL, digest BLOB NOT NULL, found BLOB NOT NULL, "
    "PRIMARY KEY (reading, directory)",
    "reading": "key BLOB PRIMARY KEY, turn INTEGER NOT NULL",
}


class Database:
    """One process's connection. `warnings`: what the user should know, one line each. `turn`: counts the audits.

    Without `write` no file is made or moved, and no fact changed.
    """

    def __init__(self, path: Path, write: bool = True) -> None:
        self.path, self._write = path, write
        self.warnings: list[str] = []
        self.turn = 0
        self._connection = self._open()

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    def rows(self, query: str, values: Iterable[object] = ()) -> list[tuple[Any, ...]]:
        """All rows; none if the store is of no use."""
        found: list[tuple[Any, ...]] = []
        if self._connection is not None:
            with self._guarded():
                found = self._connection.execute(query, tuple(values)).fetchall()
        return found

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection | None]:
        """One transaction: all of it is kept, or nothing. None: the store is of no use."""
        if self._connection is None:
            yield None
            return
        with self._guarded():
            yield self._connection
            self._connection.commit()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as e:
            if "readonly" not in str(e):
                self.warnings.append(f"{self.path}: not used any more: {e}")
            self._give_up()

    def _give_up(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None

    def _open(self) -> sqlite3.Connection | None:
        try:
            if self._write:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and not self.path.is_file():
                self.warnings.append(f"{self.path}: not used: not a regular file")
            elif self.path.exists() or os.access(self.path.parent, os.W_OK):
                return self._connect()
        except sqlite3.OperationalError as e:
            # Locked, unreadable, no space: somebody else's trouble, the file may be sound.
            self.warnings.append(f"{self.path}: not used: {e}")
        except OSError as e:
            self.warnings.append(f"{self.path}: not used: {e.strerror or e}")
        except sqlite3.DatabaseError as e:
            if not self._write:
                self.warnings.append(f"{self.path}: not used: {e}")
                return None
            aside = self.path.with_suffix(".damaged")
            self.warnings.append(f"{self.path}: {e}; begun anew, the old one is {aside.name}")
            with contextlib.suppress(OSError, sqlite3.Error):
                self.path.replace(aside)
                return self._connect()
        return None

    def _connect(self) -> sqlite3.Connection:
        exists, beside = self.path.exists(), os.access(self.path.parent, os.W_OK)
        writable = beside and (not exists or os.access(self.path, os.W_OK))
        # Whoever only reads must be able to roll back what a killed process has left half done.
        mode = ("rwc" if self._write else "rw") if writable else "ro"
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY, isolation_level=None)
        try:
            self._prepare(connection, writable and self._write)
        except BaseException:
            connection.close()
            raise
        connection.isolation_level = "DEFERRED"
        return connection

    def _prepare(self, connection: sqlite3.Connection, writable: bool) -> None:
        if writable:
            # A process that is killed leaves whole rows behind, or none; a power cut may cost the last ones.
            connection.execute("PRAGMA synchronous = OFF")
        # Two audits may find no store at the same time: one of them makes it, the other waits.
        connection.execute("BEGIN IMMEDIATE" if writable else "BEGIN")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables and writable:
            for name, columns in _TABLES.items():
                connection.execute(f"CREATE TABLE {name} ({columns}) WITHOUT ROWID")
            connection.execute(f"PRAGMA user_version = {FORMAT}")
        elif tables and found != FORMAT:
            raise sqlite3.DatabaseError(f"format {found}, expected {FORMAT}")
        elif tables and any(_names(connection, name) != _declared(name) for name in _TABLES):
            raise sqlite3.DatabaseError("not a store of this tool")
        if tables:
            newest = "SELECT max(turn) FROM {} WHERE typeof(turn) = 'integer'"
            turns = (connection.execute(newest.format(name)).fetchone()[0] for name in ("unit", "run", "reading"))
            self.turn = max(turn or 0 for turn in turns) + 1
        connection.execute("COMMIT")


def _names(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def _declared(table: str) -> set[str]:
    return {c.split()[0] for c in _TABLES[table].split(", ")} - {"PRIMARY", "directory)"}
