# SPDX-License-Identifier: GPL-2.0-only
"""What the text closure of an audit gave, and the snapshot that it is true of."""

from __future__ import annotations

import contextlib

from auditor.facts.codec import pack, unpack
from auditor.facts.database import Database
from auditor.kernel.lent import Lent


class Lents:
    """One for each audit that is kept, by the same key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, key: bytes, snapshot: bytes) -> Lent | None:
        """Nothing if it is damaged, or is not of this snapshot."""
        query = "SELECT CAST(lent AS BLOB) FROM lent WHERE key = ? AND snapshot = ?"
        for (packed,) in self._database.rows(query, (key, snapshot)):
            with contextlib.suppress(ValueError):
                return unpack(packed, Lent)
        return None

    def keep(self, key: bytes, snapshot: bytes, lent: Lent) -> None:
        """Nothing is kept of names that are no text, and nothing without its audit."""
        try:
            packed = pack(lent)
        except ValueError:
            return
        with self._database.writing() as connection:
            if connection is not None:
                connection.execute("INSERT OR REPLACE INTO lent VALUES (?, ?, ?)", (key, snapshot, packed))
                connection.execute("DELETE FROM lent WHERE key NOT IN (SELECT key FROM run)")
