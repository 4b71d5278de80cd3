# SPDX-License-Identifier: GPL-2.0-only
"""Which files a change touches, and what they hold in both versions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from auditor.change.git import Repository
from auditor.change.versions import STAGED, Versions
from auditor.errors import InputError

LARGEST = 64 << 20
"""Bytes of a file that is looked at, as in an audit."""
_FILES = frozenset({"100644", "100755"})
"""Modes of regular files; links and submodules hold no source of their own."""


@dataclass(frozen=True, slots=True)
class Touched:
    """One file of a change. Paths are from the top of the repository, with `/`; empty where a version has no such
    regular file, and so is the name of its content then."""

    before: str
    after: str
    old: str
    new: str

    @property
    def path(self) -> str:
        return self.after or self.before


def touched(repository: Repository, versions: Versions) -> list[Touched]:
    """The files whose content changed, renames followed, by path. InputError: the index has conflicts."""
    shape = ("--raw", "-z", "-M", "--no-abbrev", "--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty")
    if versions.head == STAGED:
        out = repository.tell("diff-index", "--cached", *shape, versions.base, "--")
    else:
        out = repository.tell("diff-tree", "-r", *shape, versions.base, versions.head, "--")
    return sorted(_touched(out), key=lambda t: (t.path, t.before))


def _touched(out: bytes) -> Iterator[Touched]:
    """`:mode mode name name status\\0path\\0`, with a second path for renames and copies (git: diff-format)."""
    unmerged: list[str] = []
    parts = iter(out.split(b"\0"))
    for head in parts:
        if not head:
            continue
        modes = head.decode("ascii", "replace").removeprefix(":").split()
        path = os.fsdecode(next(parts))
        other = os.fsdecode(next(parts)) if modes[4][0] in "RC" else path
        if modes[4][0] == "U":
            unmerged.append(path)
            continue
        before = path if modes[0] in _FILES and modes[4][0] != "C" else ""
        after = other if modes[1] in _FILES else ""
        old, new = (modes[2] if before else ""), (modes[3] if after else "")
        # A change of the mode alone changes no content; a file that moved has other ids.
        if (before or after) and (old != new or before != after):
            yield Touched(before, after, old, new)
    if unmerged:
        more = f" and {len(unmerged) - 1} more" if len(unmerged) > 1 else ""
        raise InputError(unmerged[0], f"is not merged{more}: the index has conflicts", "resolve them, then `git add`")


def contents(repository: Repository, names: Iterable[str]) -> Mapping[str, bytes | None]:
    """{name of an object: its bytes}; None where it is larger than LARGEST. InputError: an object is missing."""
    wanted = list(dict.fromkeys(n for n in names if n))
    if not wanted:
        return {}
    sizes = repository.tell("cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", given=_lines(wanted))
    small: list[str] = []
    found: dict[str, bytes | None] = {}
    for name, line in zip(wanted, sizes.decode().splitlines(), strict=True):
        parts = line.split()
        if len(parts) != 3 or parts[1] != "blob":
            raise InputError(name, "is missing among git's objects", "`git fetch` it, or `git fsck` the repository")
        if int(parts[2]) > LARGEST:
            found[name] = None
        else:
            small.append(name)
    found.update(zip(small, blobs(repository, small), strict=True))
    return found


def blobs(repository: Repository, names: Iterable[str]) -> list[bytes]:
    """The objects, in the order given; empty for what is not there or no file. Names without spaces or ends of line."""
    wanted = list(names)
    if not wanted:
        return []
    out = repository.tell("cat-file", "--batch", given=_lines(wanted))
    found: list[bytes] = []
    position = 0
    for _ in wanted:
        end = out.index(b"\n", position)
        head = out[position:end].split()
        position = end + 1
        if len(head) < 3 or head[-1] in (b"missing", b"ambiguous"):
            found.append(b"")
            continue
        size = int(head[2])
        found.append(out[position : position + size] if head[1] == b"blob" else b"")
        position += size + 1
    return found


def object_names(repository: Repository, names: Iterable[str]) -> list[str]:
    """The names of the blobs that these stand for, in the order given; empty for what is not there or no file."""
    wanted = list(names)
    if not wanted:
        return []
    out = repository.tell("cat-file", "--batch-check=%(objecttype) %(objectname)", given=_lines(wanted))
    parts = [line.split(b" ") for line in out.removesuffix(b"\n").split(b"\n")]
    return [p[1].decode() if p[0] == b"blob" and len(p) == 2 else "" for p in parts]


def at(versions_side: str, path: str) -> str:
    """A file of a version as git names it; empty if it cannot be named so."""
    name = f"{versions_side}:{path}"
    return "" if "\n" in name else name


def _lines(names: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(n) + b"\n" for n in names)
