# SPDX-License-Identifier: GPL-2.0-only
"""Units and what they share, parsed by libclang and walked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from clang import cindex

from auditor.evidence.c.api import Cursor
from auditor.evidence.c.files import Files
from auditor.evidence.c.job import Job, Overlays, Prelude, Result
from auditor.evidence.c.memory import Handlers, Memory, Shared
from auditor.evidence.c.shared import SharedHeaders
from auditor.evidence.c.walk import Walk
from auditor.kernel.closure import Leading

# CXTranslationUnit_DetailedPreprocessingRecord: to know which of several definitions of a macro is active.
_OPTIONS = 0x01
# CXTranslationUnit_ForSerialization
_SAVED = 0x10
_ERROR = 3
# How a command names a directory that is searched; the empty one is for a word of its own.
_SEARCHED = ("-I", "-isystem", "-iquote", "-idirafter", "")
_UNREADABLE = "libclang cannot parse it at all"


class Analyser:
    """Lives as long as its process. `directory`: where it may write precompiled headers; without one every unit is
    parsed whole. `overlays`: of the versions that jobs ask for."""

    def __init__(
        self, handlers: Handlers, directory: str = "", leading: Leading | None = None, overlays: Overlays | None = None
    ) -> None:
        self._handlers, self._leading, self._overlays = handlers, leading or Leading(), overlays or {}
        self._memories = {"": Memory(handlers, self._leading)}
        self._directory = directory
        self._shared: dict[tuple[Prelude, str], Shared | None] = {}

    def analyse(self, job: Job) -> Result:
        shared = self._share(job)
        result = self._analyse(job, shared) if shared is not None else None
        return result or self._analyse(job, None) or Result(job.object, job.source, error=_UNREADABLE)

    def _memory(self, job: Job) -> Memory:
        """What one version's headers gave is not true of another's."""
        memory = self._memories.get(job.version)
        if memory is None:
            memory = self._memories[job.version] = Memory(self._handlers, self._leading, self._overlays[job.version])
        return memory

    def _analyse(self, job: Job, shared: Shared | None) -> Result | None:
        """None: libclang cannot parse it, or with what is shared it has errors or would be another text."""
        arguments = list(job.arguments)
        if shared is not None:
            arguments += ["-include-pch", shared.pch]
        # What a precompiled header declares was walked with it and is not visited again.
        index = cindex.Index.create(excludeDecls=shared is not None)
        memory = self._memory(job)
        unsaved = list(_named(memory.sources.given, job))
        try:
            tu = index.parse(job.source, args=arguments, unsaved_files=unsaved, options=_OPTIONS)
        except cindex.TranslationUnitLoadError:
            return None
        try:
            walk = Walk(memory, job, tu, shared)
            error = first_error(tu, walk.files)
            if shared is not None and (error or walk.disagreement):
                return None
            return walk.run(error)
        finally:
            # The cursors of the walk are raw structs that do not keep the unit alive; none is used from here on.
            del tu

    def _share(self, job: Job) -> Shared | None:
        """The unit's prelude, parsed when it is first asked for. None if it has errors or does not define the struct:
        nothing is gained then, and the units say themselves what is wrong."""
        if job.prelude is None or job.version or not self._directory:
            return None
        key = (job.prelude, job.struct)
        if key not in self._shared:
            self._shared[key] = self._parse_prelude(job, job.prelude, len(self._shared))
        return self._shared[key]

    def _parse_prelude(self, job: Job, prelude: Prelude, number: int) -> Shared | None:
        source = os.path.join(self._directory, f"{os.getpid()}-{number}.h")
        pch = source.removesuffix(".h") + ".pch"
        arguments = ("-xc-header", *prelude.arguments)
        try:
            Path(source).write_bytes(os.fsencode(prelude.text()))
            tu = cindex.Index.create().parse(source, args=list(arguments), options=_OPTIONS | _SAVED)
            walk = Walk(self._memory(job), replace(job, source=source, arguments=arguments), tu, None)
            result = walk.run(first_error(tu, walk.files))
            record = walk.files.record(Cursor.from_buffer_copy(tu.cursor), lambda _: True)
            included = record.included
            times = {f: n for f, n in walk.times.items() if f != walk.paths[0]}
            headers = SharedHeaders(self._memory(job).events, times, included, walk.left_out)
            if result.error or result.layout is None or not headers.sound:
                return None
            tu.save(pch)
        except (OSError, ValueError, cindex.TranslationUnitLoadError, cindex.TranslationUnitSaveError):
            return None
        return Shared(
            pch=pch,
            times=times,
            included=included,
            given=walk.given,
            containers=frozenset(walk.containers),
            layout=result.layout,
            skipped=result.skipped,
            macros=record.definitions(),
            variants=walk.variants(),
            headers=headers,
        )


def _named(given: Mapping[str, bytes], job: Job) -> Iterator[tuple[str, bytes]]:
    """What is there libclang knows by its inode. What is not it knows by name only: by each that a directory of the
    command makes of it."""
    missing = {p: d for p, d in given.items() if not os.path.exists(p)}
    yield from given.items()
    if not missing:
        return
    for word in dict.fromkeys(a.removeprefix(o) for a in job.arguments for o in _SEARCHED if a.startswith(o)):
        start = os.path.normpath(os.path.join(job.directory, word)) + os.sep
        for path, data in missing.items():
            name = os.path.join(word, path.removeprefix(start))
            if path.startswith(start) and name != path:
                yield name, data


def first_error(tu: cindex.TranslationUnit, files: Files) -> str:
    """The first error, with its place; of a file outside of tree and build no text is quoted."""
    for diagnostic in tu.diagnostics:
        if diagnostic.severity >= _ERROR:
            place = diagnostic.location
            if place.file is None:
                return str(diagnostic.spelling)
            path = files.path(files.handle(place.file))
            message = str(diagnostic.spelling) if files.inside(path) else "an error outside of the tree and the build"
            return f"{files.relative(path)}:{place.line}: {message}"
    return ""
