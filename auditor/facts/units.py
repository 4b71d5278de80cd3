# SPDX-License-Identifier: GPL-2.0-only
"""What single units gave. A unit's facts are found again if its command is the same and either nothing that it read,
or could have read, changed since an audit that found them true, or every file that it read has the same content and
would be found in the same place.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from auditor.evidence.c.job import Job, Result
from auditor.facts.codec import pack, unpack, whole_site
from auditor.facts.contents import Contents, Paths
from auditor.facts.database import Database

_KEPT = 20_000
"""Units at most: a few kernels with several configurations each."""
# Where clang looks besides what the command says.
ENVIRONMENT = ("CPATH", "C_INCLUDE_PATH")

Untouched = Callable[[Paths], bool]
"""Is all of this as it was in the audit that vouches?"""


class Units:
    """`started`: files that change from then on (seconds since the epoch) are not vouched for."""

    def __init__(self, database: Database, version: str, started: float) -> None:
        self._database, self._version, self._started = database, version, started
        self.contents = Contents()
        self._hits: list[bytes] = []
        self.vouched: dict[str, str] = {}
        """{unit: digest of its inputs} of the units that this audit knows to be true."""
        self.inputs: set[str] = set()
        """All files that any of the units read, those of failed units, too."""
        self.failed = False

    def known(self, job: Job, before: Mapping[str, str], untouched: Untouched) -> Result | None:
        """`before`: what an earlier audit vouched for."""
        key = self._key(job)
        # What is no bytes is cast to some: it will not unpack.
        query = "SELECT CAST(digest AS BLOB), CAST(inputs AS BLOB), CAST(result AS BLOB) FROM unit WHERE key = ?"
        for digest, packed, result in self._database.rows(query, (key,)):
            try:
                inputs = unpack(packed, Paths)
                vouched = before.get(key.hex()) == digest.hex() and untouched(inputs)
                if vouched or self.contents.digest(job, inputs) == digest:
                    found = unpack_result(result)
                    self._hits.append(key)
                    self._note(key, digest, inputs)
                    return found
            except (ValueError, OSError):
                # Damaged, or a file is gone: the unit is parsed again, and its row written anew.
                return None
        return None

    def add(self, job: Job, result: Result) -> None:
        """Keeps a result, unless the unit failed or one of its files changed after the audit began."""
        inputs = tuple(os.path.join(job.root, f) for f in result.files)
        self.inputs.update(inputs)
        self.failed = self.failed or bool(result.error)
        if not self._database.is_open or result.error:
            return
        try:
            key, digest = self._key(job), self.contents.digest(job, inputs)
            row = (key, digest, pack(inputs), pack(result), self._database.turn)
            if self.contents.changed_since(self._started, job, inputs):
                return
        except (OSError, ValueError):
            return
        with self._database.writing() as connection:
            if connection is not None:
                connection.execute("INSERT OR REPLACE INTO unit VALUES (?, ?, ?, ?, ?)", row)
                self._note(key, digest, inputs)

    def renew(self, keys: Iterable[str]) -> None:
        """These are in use, though nobody asks for them one by one."""
        self._hits += map(bytes.fromhex, keys)

    def finish(self) -> None:
        """Those in use become the newest; the oldest go."""
        if not self._database.is_open:
            return
        with self._database.writing() as connection:
            if connection is None:
                return
            renewed = [(self._database.turn, key) for key in self._hits]
            connection.executemany("UPDATE unit SET turn = ? WHERE key = ?", renewed)
            count = connection.execute("SELECT count(*) FROM unit").fetchone()[0]
            if count > _KEPT:
                oldest = "SELECT key FROM unit ORDER BY turn LIMIT ?"
                connection.execute(f"DELETE FROM unit WHERE key IN ({oldest})", (count - _KEPT,))

    def _note(self, key: bytes, digest: bytes, inputs: Paths) -> None:
        self.vouched[key.hex()] = digest.hex()
        self.inputs.update(inputs)

    def _key(self, job: Job) -> bytes:
        """The unit and its command; whether headers are shared is no part of what it gives."""
        parts = (self._version, job.source, job.object, job.directory, job.arguments, job.root, job.struct, job.arch)
        text = json.dumps([*parts, sorted(job.asm_filled), environment()])
        return hashlib.blake2b(text.encode(), digest_size=16).digest()


def environment() -> list[str | None]:
    return [os.environ.get(name) for name in ENVIRONMENT]


def unpack_result(data: bytes) -> Result:
    result = unpack(data, Result)
    if all(f.site.guard is None for f in result.found):
        return result
    return replace(result, found=tuple(replace(f, site=whole_site(f.site)) for f in result.found))
