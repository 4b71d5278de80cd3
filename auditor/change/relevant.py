# SPDX-License-Identifier: GPL-2.0-only
"""Which files of a change can have to do with the struct: by their bytes, before anything that takes time is loaded.

A file counts if it, in either version, writes a name that leads to the struct; of the architecture's own directory
every source counts, because assembly works on the register frame without a name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache

from auditor.arch import Arch
from auditor.change.changed import Touched
from auditor.kernel.definitions import defined_in
from auditor.leading import names_leading_to, words_of

SUFFIXES = (".c", ".h", ".S", ".s", ".inc", ".inl")
"""Of C and assembly; the same that are read as text."""
MARKER = b"ptregs-audit:"


def is_source(path: str) -> bool:
    return path.endswith(SUFFIXES)


class Names:
    """`more`: what an audit of the tree found to lead to the struct besides, through macros and inline functions;
    `switches`: names that do for who defines them."""

    def __init__(self, struct: str, arch: Arch, more: Collection[str] = (), switches: Collection[str] = ()) -> None:
        from auditor.evidence.text.words import of_arch, shipped

        self._own = f"arch/{arch.directory}/" if struct == arch.struct else None
        # As in an index of mentions, `_` joins.
        self._joined = _pattern(frozenset(words_of(struct, arch)), rb"[A-Za-z0-9]")
        beside = (*shipped().beside_words, *shipped().images, *of_arch(arch.id).literal_size) if self._own else ()
        self._switches = frozenset(n.encode() for n in switches)
        self._whole = frozenset(n.encode() for n in (*names_leading_to(struct, arch), *beside, *more))

    def concern(self, path: str, data: bytes) -> bool:
        if self._own is not None and path.startswith(self._own):
            return True
        if MARKER in data or self._joined.search(data):
            return True
        if any(n in data for n in self._whole) and not self._whole.isdisjoint(_words(data)):
            return True
        return any(n in data for n in self._switches) and not self._switches.isdisjoint(defined_in(data))


def relevant(
    files: Iterable[Touched], contents: Mapping[str, bytes | None], names: Names, prefix: str = ""
) -> list[Touched]:
    """The sources of a change that can matter. What is too large to be looked at matters: somebody must say so.

    `prefix`: of the tree in the repository, with a `/` at its end.
    """
    found = []
    for file in files:
        for path, name in ((file.before, file.old), (file.after, file.new)):
            if path.startswith(prefix) and is_source(path) and name:
                data = contents[name]
                if data is None or names.concern(path.removeprefix(prefix), data):
                    found.append(file)
                    break
    return found


@cache
def _pattern(words: frozenset[str], letter: bytes) -> re.Pattern[bytes]:
    either = b"|".join(re.escape(w.encode()) for w in sorted(words))
    return re.compile(b"(?<!" + letter + b")(?:" + either + b")(?!" + letter + b")")


def _words(data: bytes) -> frozenset[bytes]:
    return frozenset(re.findall(rb"[A-Za-z_]\w*", data))
