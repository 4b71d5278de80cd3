# SPDX-License-Identifier: GPL-2.0-only
"""What a unit's inputs hold, and where the files that they name are found: a digest that says whether both are as they
were. It reads every input once."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from auditor.evidence.c.job import Job
from auditor.kernel.flags import searched
from auditor.kernel.snapshot import TICK

_INCLUDED = re.compile(rb'#[ \t]*(?:include|import|include_next)\b[ \t]*[<"]([^>"\n]+)')
_ASKED = re.compile(rb'__has_include[^<"\n]*[<"]([^>"\n]+)')

Paths = tuple[str, ...]


class Contents:
    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._names: dict[str, Paths] = {}
        self._places: dict[tuple[str, str], bytes] = {}
        self._listed: dict[str, frozenset[str]] = {}

    def digest(self, job: Job, inputs: Sequence[str]) -> bytes:
        """OSError: an input is gone."""
        whole = hashlib.blake2b(digest_size=16)
        directories = searched(job.arguments, job.directory)
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

    def names(self, inputs: Iterable[str]) -> set[str]:
        """What these inputs include or ask for, as written; of inputs that were digested."""
        return {name for path in inputs for name in self._names.get(path, ())}

    def changed_since(self, started: float, job: Job, inputs: Sequence[str]) -> bool:
        """Did an input change, or a directory in which a file that came or went would have changed what was read?
        OSError: one is gone."""
        limit = started - TICK / 1e9
        return any(os.stat(f).st_ctime >= limit for f in (*inputs, *self._looked_in(job, inputs)))

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
        """Of tree and build: the directories of the inputs, those that are searched, and those above them."""
        roots = (job.root.rstrip(os.sep) + os.sep, job.directory.rstrip(os.sep) + os.sep)
        found: set[str] = set()
        for directory in {*map(os.path.dirname, inputs), *searched(job.arguments, job.directory), *self._listed}:
            place = directory
            while place not in found and (place + os.sep).startswith(roots):
                found.add(place)
                place = os.path.dirname(place)
        return set(filter(os.path.isdir, found))
