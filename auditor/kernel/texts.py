# SPDX-License-Identifier: GPL-2.0-only
"""Reading many files for one thing each, and where such readings may be kept.

`Texts` here keeps nothing: it walks and reads. `auditor.facts.texts` has one that remembers what files gave that did
not change since.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from auditor.kernel.snapshot import SKIPPED
from auditor.model import Failure

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A pure function of a file's bytes; `name` says which, with all that it depends on besides the code.

    `read` opens the file itself; OSError: it cannot be read. `nothing`: the value of most files, which costs no room.
    `kind` is the type of a value, to decode it by.
    """

    name: str
    read: Callable[[str], T]
    nothing: T
    kind: type[T]


class Texts:
    def below(self, root: str, skip: Collection[str], reading: Reading[T]) -> tuple[list[tuple[str, T]], list[Failure]]:
        """[(name relative to root, value)] of all regular files whose value is not `nothing`, and those that cannot be
        read. Links are not followed; `skip` are directories to leave out."""
        values: list[tuple[str, T]] = []
        unread: list[Failure] = []
        for path, name in files_below(root, skip, unread):
            try:
                value = reading.read(path)
            except OSError as e:
                unread.append(Failure(printable(name), e.strerror or "cannot be read"))
                continue
            if value != reading.nothing:
                values.append((name, value))
        return values, unread

    def of(self, path: str, reading: Reading[T]) -> T:
        """The value of one file, through links. OSError: it cannot be read."""
        return reading.read(path)

    def remembers(self, path: str, reading: Reading[T]) -> bool:
        """Would `of` answer without reading?"""
        return False


def files_below(root: str, skip: Collection[str], unread: list[Failure]) -> Iterator[tuple[str, str]]:
    """(path, name relative to root) of all regular files, directory by directory; directories that cannot be read are
    added to `unread`. Links are not followed; `skip` are directories to leave out."""
    pending = [(root, "")]
    while pending:
        directory, prefix = pending.pop()
        try:
            entries = list(os.scandir(directory))
        except OSError as e:
            unread.append(Failure(printable(prefix) or ".", e.strerror or "cannot be read"))
            continue
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                yield entry.path, prefix + entry.name
            elif entry.is_dir(follow_symlinks=False) and entry.name not in SKIPPED and entry.path not in skip:
                pending.append((entry.path, f"{prefix}{entry.name}/"))


def printable(name: str) -> str:
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")
