# SPDX-License-Identifier: GPL-2.0-only
"""What is known from earlier audits: of whole ones, of single units, of texts.

Tree and build are looked at from outside first (`auditor.kernel.snapshot`). If nothing changed since an audit that was
asked the same, its facts are the answer. Otherwise every unit and every text that the changes do not touch is taken
from the store. The facts depend on no proposal.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import posixpath
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor import libclang
from auditor.evidence.c.job import Job, Result
from auditor.facts.contents import Paths
from auditor.facts.database import Database
from auditor.facts.lents import Lents
from auditor.facts.outside import Outside, Watch
from auditor.facts.runs import Basis, Runs, Told, digest_of, packed_directories, without_filters
from auditor.facts.texts import KeptTexts
from auditor.facts.units import Units, environment
from auditor.facts.version import code_version
from auditor.kernel.flags import searched
from auditor.kernel.lent import Lent
from auditor.kernel.snapshot import Changes, Snapshot, changes, take
from auditor.kernel.texts import Texts
from auditor.kernel.units import Commands, source_path
from auditor.model import Facts, Target

_NO_BASIS = Basis(False, False, Outside(), {}, ())
_UNKNOWN = Changes(frozenset(), frozenset(), anything=True)


@dataclass(frozen=True, slots=True)
class Question:
    """All that facts depend on besides files. `tree` and `build` are resolved, `build` is empty where there is none."""

    tree: str
    build: str
    compdb: str
    arch: str
    struct: str
    exhaustive: bool = False


class Store:
    """One audit's view of the store. `warnings`: what the user should know, one line each.

    `version`: of code, rules and libclang; `code`: without libclang. `started`: seconds since the epoch.
    """

    def __init__(self, path: Path, version: str, started: float, code: str = "") -> None:
        self._version, self._started = version, started
        self._database = Database(path)
        self._units = Units(self._database, version, started)
        self._runs = Runs(self._database, code or version)
        self._lents = Lents(self._database)
        self._lent: Lent | None = None
        self._now: Snapshot | None = None
        self._packed = b""
        self._key = b""
        self._before = _NO_BASIS
        self._recalled = b""
        """Digest of the snapshot of the earlier audit."""
        self._since = _UNKNOWN
        """`changed` holds whatever `moved` does."""
        self._anything = True
        self._texts: KeptTexts | None = None
        self._watch: Watch | None = None
        self._directories: set[str] = set()
        self._odd = False

    @property
    def warnings(self) -> list[str]:
        return self._database.warnings

    @property
    def texts(self) -> Texts:
        return self._texts or Texts()

    def recall(self, question: Question, target: Target) -> Facts | None:
        """The facts of an earlier audit if all that they rest on is as it was; else what has changed is known now."""
        if not self._database.is_open:
            return None
        now = self._now = take(filter(None, (question.tree, question.build)), self._started)
        self._packed = packed_directories(now.directories)
        self._key = self._question(question)
        self._watch = Watch(now)
        self._watch.files(filter(None, [question.compdb]))
        found = self._runs.basis(self._key)
        before: dict[str, bytes] = {}
        if found is not None:
            digest, self._before = found
            outside = self._before.outside.changed(now.limit)
            if self._before.whole and now.sound and digest == digest_of(self._packed) and outside == frozenset():
                facts = self._runs.facts(self._key)
                if facts is not None:
                    self._units.renew(self._before.units)
                    self._runs.renew(self._key, Told(without_filters(target), self._started))
                    return facts
            self._recalled = digest
            before = self._runs.directories(digest)
            self._compare(before, now, outside)
        self._texts = KeptTexts(self._database, self._version, now, before)
        return None

    def follow(self, commands: Commands) -> None:
        """The sources of all units are asked what they name, and whether they are there."""
        if self._watch is None:
            return
        units = (*commands.units, *commands.assembly_units)
        self._watch.files(os.fspath(source_path(u)) for u in units)
        names = [f.file for f in commands.failures]
        self._watch.files(name for name in names if os.path.isabs(name))
        # Where a file is missing that is named relative to somewhere else, nobody knows here.
        self._odd = self._odd or any(name.startswith("..") for name in names)

    def lent(self) -> tuple[Lent, Changes] | None:
        """What the closure of the earlier audit gave, and what changed since, if that is known."""
        lent = None if self._since.anything else self._lents.of(self._key, self._recalled)
        return (lent, self._since) if lent is not None else None

    def lend(self, lent: Lent) -> None:
        """What that of this audit gave; what it read is watched from now on."""
        self._lent = lent
        if self._watch is not None:
            self._watch.files(lent.read)

    def known(self, jobs: Sequence[Job]) -> dict[str, Result]:
        """{object: result} of the jobs whose facts are still true."""
        found: dict[str, Result] = {}
        for job in jobs:
            self._directories.update(searched(job.arguments, job.directory))
            result = self._units.known(job, self._before.units, self._untouched)
            if result is not None:
                found[job.object] = result
        return found

    def add(self, job: Job, result: Result) -> None:
        """Keeps a result, unless the unit failed or one of its files changed after the audit began."""
        self._units.add(job, result)

    def keep(self, question: Question, target: Target, facts: Facts) -> None:
        """The facts of the audit for which `recall` had none."""
        if self._watch is None or self._now is None or not self._database.is_open:
            return
        units = self._units
        names = units.contents.names(units.inputs) | set(self._before.names)
        names |= {posixpath.basename(path) for path in units.inputs}
        self._watch.files(units.inputs)
        outside = self._outside(self._watch, names)
        unread = any(not u.line for u in facts.coverage.uncovered)
        sound = self._now.sound and outside.settled
        whole = sound and not (units.failed or unread or self._odd)
        basis = Basis(sound, whole, outside, units.vouched, tuple(sorted(names)))
        told = Told(without_filters(target), self._started)
        self._runs.keep(self._key, question.tree, question.build, self._packed, basis, told, facts)
        if self._lent is not None:
            self._lents.keep(self._key, digest_of(self._packed), self._lent)

    def close(self) -> None:
        self._units.finish()
        if self._texts is not None:
            self._texts.finish()
        self._database.close()

    def _outside(self, watch: Watch, names: set[str]) -> Outside:
        directories = self._directories | {os.path.dirname(p) for p in self._units.inputs}
        if self._lent is not None:
            directories |= {*self._lent.elsewhere, *map(os.path.dirname, self._lent.read)}
            names = names | self._lent.names
        return watch.outside(directories, names)

    def _question(self, question: Question) -> bytes:
        parts = [self._version, question.tree, question.build, question.compdb, question.arch, question.struct]
        text = json.dumps([*parts, question.exhaustive, environment(), os.geteuid()])
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    def _compare(self, before: dict[str, bytes], now: Snapshot, outside: frozenset[str] | None) -> None:
        """Which files may no longer be what the units of the earlier audit read."""
        found = changes(before, now.directories)
        included = {posixpath.basename(name) for name in self._before.names}
        appeared = any(os.path.basename(path) in included for path in found.moved)
        sure = bool(before) and self._before.sound and now.sound and outside is not None
        self._anything = not sure or found.anything or appeared
        touched = {*found.changed, *found.moved, *(outside or ())}
        # The same files by the other names that commands have for their directories.
        for alias, real in self._before.outside.links.items():
            here = [p for p in touched if os.path.dirname(p) == real]
            touched.update(os.path.join(alias, os.path.basename(p)) for p in here)
        self._since = Changes(frozenset(touched), found.moved, found.anything or not sure)

    def _untouched(self, inputs: Paths) -> bool:
        return not self._anything and self._since.changed.isdisjoint(inputs)


@contextlib.contextmanager
def open_store(path: Path, library: str | None = None) -> Iterator[Store]:
    """The store of an audit that begins now and uses this libclang."""
    libclang.use(library)
    code = code_version()
    store = Store(path, f"{code} {libclang.version()}", time.time(), code)
    try:
        yield store
    finally:
        store.close()
