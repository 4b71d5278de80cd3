# SPDX-License-Identifier: GPL-2.0-only
"""What units gave, kept between audits: SQLite, addressed by content.

A unit's facts are found again if its command is the same and every file that it read has the same content. They depend
on no proposal. The store is a convenience: whatever is wrong with it costs time, never an answer. A store that is
damaged, foreign or of another format is put aside; one that cannot be written is only read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from auditor import libclang
from auditor.data import rules_dir
from auditor.evidence.c.job import DIRECTORIES, Job, Result
from auditor.facts.codec import pack, unpack, unpack_result

NAME = "facts.sqlite"
FORMAT = 1
_BUSY = 5.0
"""Seconds to wait for another audit that is writing."""
_KEPT = 20_000
"""Units at most: a few kernels with several configurations each."""
_TABLE = """CREATE TABLE IF NOT EXISTS unit (
    key BLOB PRIMARY KEY, digest BLOB NOT NULL, inputs BLOB NOT NULL, result BLOB NOT NULL, turn INTEGER NOT NULL
) WITHOUT ROWID"""

_NO_FACTS = ("cli", "reports", "judge", "gate")
_RULES = ("arch", "interfaces.toml")
_INCLUDED = re.compile(rb'#[ \t]*(?:include|import|include_next)\b[ \t]*[<"]([^>"\n]+)')
_ASKED = re.compile(rb'__has_include[^<"\n]*[<"]([^>"\n]+)')
# Where clang looks besides what the command says.
_ENVIRONMENT = ("CPATH", "C_INCLUDE_PATH")

Paths = tuple[str, ...]


class Store:
    """One audit's view of the store. `warnings`: what the user should know, one line each.

    `started`: files that change from then on (seconds since the epoch) are not vouched for.
    """

    def __init__(self, path: Path, version: str, started: float) -> None:
        self._path, self._version, self._started = path, version, started
        self.warnings: list[str] = []
        self._contents: dict[str, bytes] = {}
        self._names: dict[str, Paths] = {}
        self._places: dict[tuple[str, str], bytes] = {}
        self._listed: dict[str, frozenset[str]] = {}
        self._hits: list[bytes] = []
        self._turn = 0
        self._database = self._open()

    def known(self, jobs: Sequence[Job]) -> dict[str, Result]:
        """{object: result} of the jobs whose facts are still true."""
        found: dict[str, Result] = {}
        with self._guarded():
            for job in jobs:
                result = self._lookup(job)
                if result is not None:
                    found[job.object] = result
        return found

    def _lookup(self, job: Job) -> Result | None:
        if self._database is None:
            return None
        key = self._key(job)
        # What is no bytes is cast to some: it will not unpack.
        query = "SELECT CAST(digest AS BLOB), CAST(inputs AS BLOB), CAST(result AS BLOB) FROM unit WHERE key = ?"
        row = self._database.execute(query, (key,)).fetchone()
        if row is None:
            return None
        try:
            result = unpack_result(row[2]) if self._digest(job, unpack(row[1], Paths)) == row[0] else None
        except (ValueError, OSError):
            # Damaged, or a file is gone: the unit is parsed again, and its row written anew.
            return None
        self._hits += [key] if result is not None else []
        return result

    def add(self, job: Job, result: Result) -> None:
        """Keeps a result, unless the unit failed or one of its files changed after the audit began."""
        if self._database is None or result.error:
            return
        inputs = tuple(os.path.join(job.root, f) for f in result.files)
        try:
            row = (self._key(job), self._digest(job, inputs), pack(inputs), pack(result), self._turn)
            if any(os.stat(f).st_ctime >= self._started for f in (*inputs, *self._looked_in(job, inputs))):
                return
        except (OSError, ValueError):
            return
        with self._guarded():
            self._database.execute("INSERT OR REPLACE INTO unit VALUES (?, ?, ?, ?, ?)", row)
            self._database.commit()

    def close(self) -> None:
        if self._database is not None:
            with self._guarded():
                renewed = [(self._turn, key) for key in self._hits]
                self._database.executemany("UPDATE unit SET turn = ? WHERE key = ?", renewed)
                self._database.commit()
                count = self._database.execute("SELECT count(*) FROM unit").fetchone()[0]
                if count > _KEPT:
                    oldest = "SELECT key FROM unit ORDER BY turn LIMIT ?"
                    self._database.execute(f"DELETE FROM unit WHERE key IN ({oldest})", (count - _KEPT,))
                    self._database.commit()
        if self._database is not None:
            self._database.close()
            self._database = None

    def _key(self, job: Job) -> bytes:
        """The unit and its command; whether headers are shared is no part of what it gives."""
        parts = (self._version, job.source, job.object, job.directory, job.arguments, job.root, job.struct, job.arch)
        text = json.dumps([*parts, sorted(job.asm_filled), [os.environ.get(n) for n in _ENVIRONMENT]])
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    def _digest(self, job: Job, inputs: Sequence[str]) -> bytes:
        """Of the contents of all inputs, and of where the files that they name are found. OSError: one is gone."""
        whole = hashlib.blake2b(digest_size=16)
        directories = searched(job)
        for path in inputs:
            content = self._contents.get(path)
            if content is None:
                data = Path(path).read_bytes()
                names = {*_INCLUDED.findall(data), *_ASKED.findall(data)}
                self._names[path] = tuple(sorted(n.decode("utf-8", "surrogateescape") for n in names))
                content = self._contents[path] = hashlib.blake2b(data, digest_size=16).digest()
            whole.update(content)
            for directory in (os.path.dirname(path), *directories):
                known = self._places.get((path, directory))
                if known is None:
                    there = (self._is_file(os.path.join(directory, name)) for name in self._names[path])
                    known = self._places[path, directory] = bytes(there)
                whole.update(known)
        return whole.digest()

    def _is_file(self, path: str) -> bool:
        directory, name = os.path.split(os.path.normpath(path))
        listed = self._listed.get(directory)
        if listed is None:
            try:
                with os.scandir(directory) as entries:
                    listed = frozenset(e.name for e in entries if e.is_file())
            except OSError:
                listed = frozenset()
            self._listed[directory] = listed
        return name in listed

    def _looked_in(self, job: Job, inputs: Sequence[str]) -> set[str]:
        """Directories of tree and build in which a file that came or went would have changed what was read: those of
        the inputs, those that are searched, and those above them."""
        roots = (job.root.rstrip(os.sep) + os.sep, job.directory.rstrip(os.sep) + os.sep)
        found: set[str] = set()
        for directory in {*map(os.path.dirname, inputs), *searched(job), *self._listed}:
            place = directory
            while place not in found and (place + os.sep).startswith(roots):
                found.add(place)
                place = os.path.dirname(place)
        return set(filter(os.path.isdir, found))

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Any trouble with the database ends its use for this audit."""
        try:
            yield
        except sqlite3.Error as e:
            if "readonly" not in str(e):
                self.warnings.append(f"{self._path}: not used any more: {e}")
            self._give_up()

    def _give_up(self) -> None:
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
        self._database = None

    def _open(self) -> sqlite3.Connection | None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists() and not self._path.is_file():
                self.warnings.append(f"{self._path}: not used: not a regular file")
            elif self._path.exists() or os.access(self._path.parent, os.W_OK):
                return self._connect()
        except sqlite3.OperationalError as e:
            # Locked, unreadable, no space: somebody else's trouble, the file may be sound.
            self.warnings.append(f"{self._path}: not used: {e}")
        except OSError as e:
            self.warnings.append(f"{self._path}: not used: {e.strerror or e}")
        except sqlite3.DatabaseError as e:
            aside = self._path.with_suffix(".damaged")
            self.warnings.append(f"{self._path}: {e}; begun anew, the old one is {aside.name}")
            with contextlib.suppress(OSError, sqlite3.Error):
                self._path.replace(aside)
                return self._connect()
        return None

    def _connect(self) -> sqlite3.Connection:
        writable = os.access(self._path.parent, os.W_OK) and (not self._path.exists() or os.access(self._path, os.W_OK))
        mode = "rwc" if writable else "ro"
        uri = f"{self._path.absolute().as_uri()}?mode={mode}"
        database = sqlite3.connect(uri, uri=True, timeout=_BUSY, isolation_level=None)
        try:
            self._prepare(database, writable)
        except BaseException:
            database.close()
            raise
        database.isolation_level = "DEFERRED"
        return database

    def _prepare(self, database: sqlite3.Connection, writable: bool) -> None:
        if writable:
            # A process that is killed leaves whole rows behind, or none; a power cut may cost the last ones.
            database.execute("PRAGMA synchronous = OFF")
        # Two audits may find no store at the same time: one of them makes it, the other waits.
        database.execute("BEGIN IMMEDIATE" if writable else "BEGIN")
        found = database.execute("PRAGMA user_version").fetchone()[0]
        empty = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if empty and writable:
            database.execute(_TABLE)
            database.execute(f"PRAGMA user_version = {FORMAT}")
        elif not empty and found != FORMAT:
            raise sqlite3.DatabaseError(f"format {found}, expected {FORMAT}")
        columns = {row[1] for row in database.execute("PRAGMA table_info(unit)")}
        if columns and columns != {"key", "digest", "inputs", "result", "turn"}:
            raise sqlite3.DatabaseError("not a store of this tool")
        if columns:
            newest = database.execute("SELECT max(turn) FROM unit WHERE typeof(turn) = 'integer'").fetchone()[0]
            self._turn = (newest or 0) + 1
        database.execute("COMMIT")


@contextlib.contextmanager
def open_store(path: Path, library: str | None = None) -> Iterator[Store]:
    """The store of an audit that begins now and uses this libclang."""
    libclang.use(library)
    version = facts_version(Path(__file__).parents[1], rules_dir(), libclang.version())
    store = Store(path, version, time.time())
    try:
        yield store
    finally:
        store.close()


def searched(job: Job) -> Paths:
    """The directories in which clang looks for the headers of a unit."""
    found: dict[str, None] = {}
    for argument in job.arguments:
        option = next((o for o in DIRECTORIES if argument.startswith(o)), None)
        if option is not None:
            found[os.path.normpath(os.path.join(job.directory, argument.removeprefix(option)))] = None
    return tuple(found)


def facts_version(package: Path, rules: Path, library: str) -> str:
    """Of everything that facts are made by: any edit makes another version. Verdicts and reports are none."""
    whole = hashlib.blake2b(library.encode(), digest_size=16)
    code = (f for f in package.rglob("*.py") if f.relative_to(package).parts[0] not in _NO_FACTS)
    data = (f for n in _RULES for f in ((rules / n).rglob("*.toml") if (rules / n).is_dir() else [rules / n]))
    for root, files in ((package, code), (rules, data)):
        for path in sorted(f for f in files if f.is_file()):
            whole.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()
