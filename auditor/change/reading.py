# SPDX-License-Identifier: GPL-2.0-only
"""Both versions of the files of a change, read by their text: no build is needed, and none is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditor.arch import Arch
from auditor.change.changed import LARGEST, Touched
from auditor.change.relevant import is_source
from auditor.change.surroundings import Side
from auditor.evidence.text.parsing import refuse
from auditor.evidence.text.read import Reader, known_of
from auditor.kernel.ignores import ignores_in
from auditor.kernel.texts import printable
from auditor.model import Failure, Ignore, Site, Uncovered


@dataclass(frozen=True, slots=True)
class Version:
    """What one version of the changed files gives. `files`: {path from the tree: content} of its sources."""

    side: Side
    files: Mapping[str, bytes]
    sites: tuple[Site, ...] = ()
    ignores: tuple[Ignore, ...] = ()
    failures: tuple[Failure, ...] = ()
    uncovered: tuple[Uncovered, ...] = ()


def opened(side: Side, files: Sequence[Touched], contents: Mapping[str, bytes | None], newer: bool) -> Version:
    """A version with the contents of its files, and those that are too large as failures; nothing is read of them."""
    found: dict[str, bytes] = {}
    failures = []
    for file in files:
        path, name = (file.after, file.new) if newer else (file.before, file.old)
        if not (name and path.startswith(side.prefix) and is_source(path)):
            continue
        path = path.removeprefix(side.prefix)
        data = contents[name]
        if data is None:
            failures.append(Failure(printable(path), f"not read: larger than {LARGEST >> 20} MiB"))
        else:
            found[path] = data
    return Version(side, found, failures=tuple(failures))


def read_version(version: Version, others: Mapping[str, bytes], struct: str, arch: Arch) -> Version:
    """With its sites, its ignores, and what could not be read. `others`: headers of this version that declare things
    to the files."""
    plain = Reader(struct, arch.id)
    texts = {**others, **version.files}
    names = [n.encode() for n in plain.names.target]
    declared = {p: plain.declares(d) for p, d in texts.items() if any(n in d for n in names) and not refuse(d)}
    reader = Reader(struct, arch.id, known_of(declared))
    sites: list[Site] = []
    ignores: list[Ignore] = []
    failures = list(version.failures)
    uncovered: list[Uncovered] = []
    for path, data in version.files.items():
        shown = printable(path)
        text = reader.read(shown, data)
        sites += text.sites
        if text.problem == "binary":
            uncovered.append(Uncovered(shown, 0, "binary"))
        elif text.problem:
            failures.append(Failure(shown, f"not read as text: {text.problem}"))
        noted = ignores_in(shown, data) if not text.problem else ()
        ignores += (Ignore(shown, n.line, n.lines, n.below, n.rules, n.reason, n.malformed) for n in noted)
    return Version(version.side, version.files, tuple(sites), tuple(ignores), tuple(failures), tuple(uncovered))
