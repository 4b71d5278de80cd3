# SPDX-License-Identifier: GPL-2.0-only
"""What a tree and its build look like from outside: every file's size, times and inode, without opening one.

Two snapshots that are equal mean that no file was written, replaced, made or removed between them: a write moves the
change time (ctime), which nobody can set back. A file that was changed just before a snapshot could be changed again
within the same tick of the clock; its entry is made unlike that of any other snapshot.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

SKIPPED = frozenset({".git", ".svn", ".hg"})
"""Directories that hold no source, wherever they lie."""
_ENTRY = struct.Struct("<IQqqQ")
_COUNT = struct.Struct("<I")
_SECOND = 1_000_000_000
TICK = 20_000_000
"""Nanoseconds; the longest tick of a kernel's clock is 10 ms."""
_DIRECTORY = _ENTRY.pack(stat.S_IFDIR, 0, 0, 0, 0)
# A link to a directory: no permission bit is ever set beside S_IFLNK here.
_LINKED = stat.S_IFLNK | 1

Signature = bytes
"""Kind and mode, size, mtime, ctime and inode; empty where there is nothing."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`directories`: {path: its entries, packed}, of all roots; `below`: {root: the paths of its directories}.

    `limit`: a file with this ctime (nanoseconds) or a later one is like no other. `unreadable`: {directory: why}.
    `strays`: links to directories elsewhere: what comes and goes below them does not show here.
    """

    directories: Mapping[str, bytes]
    below: Mapping[str, Sequence[str]]
    limit: int
    unreadable: Mapping[str, str]
    strays: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whatever happens below the roots changes it."""
        return not self.strays and not self.unreadable


@dataclass(frozen=True, slots=True)
class Changes:
    """From one snapshot to another. `changed`: files that hold something else now; `moved`: paths that came or went, or
    that may be found, or not, where it was otherwise before.

    `anything`: a link to a directory is another one, so that any path may mean another file.
    """

    changed: frozenset[str]
    moved: frozenset[str]
    anything: bool = False


def take(roots: Iterable[str], started: float) -> Snapshot:
    """`roots`: absolute and resolved; one below another is left out of that one. `started`: seconds since the epoch."""
    tops = tuple(dict.fromkeys(roots))
    limit = int(started * _SECOND) - TICK
    directories: dict[str, bytes] = {}
    below: dict[str, list[str]] = {}
    unreadable: dict[str, str] = {}
    links: list[str] = []
    for top in tops:
        seen = below[top] = []
        pending = [top]
        while pending:
            directory = pending.pop()
            seen.append(directory)
            try:
                directories[directory], inner = _pack(directory, limit, links)
            except OSError as e:
                unreadable[directory] = e.strerror or "cannot be read"
                directories[directory] = b""
                continue
            pending += [d for d in inner if d not in tops]
    strays = tuple(link for link in links if os.path.realpath(link) not in directories)
    return Snapshot(directories, below, limit, unreadable, strays)


def _pack(directory: str, limit: int, links: list[str]) -> tuple[bytes, list[str]]:
    """The entries by name: their number, their signatures, their names; and the directories among them."""
    rows: list[tuple[str, Signature]] = []
    inner: list[str] = []
    pack, maybe = _ENTRY.pack, limit - _SECOND
    with os.scandir(directory) as found:
        for entry in found:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                rows.append((name, _DIRECTORY))
                if name not in SKIPPED:
                    inner.append(entry.path)
                continue
            try:
                s = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            changed = s.st_ctime_ns
            if changed >= maybe and is_fresh(changed, limit):
                changed = _unlike_any()
            row = pack(s.st_mode, s.st_size, s.st_mtime_ns, changed, s.st_ino)
            rows.append((name, _through(entry.path, row, limit, links) if stat.S_ISLNK(s.st_mode) else row))
    rows.sort()
    names = os.fsencode("/".join([name for name, _ in rows]))
    return b"".join([_COUNT.pack(len(rows)), *[row for _, row in rows], names]), inner


def _through(path: str, row: Signature, limit: int, links: list[str]) -> Signature:
    """Of a link: its own and that of what it leads to, in one. Of a directory's entries it says nothing."""
    target = signature(path, limit)
    kind = stat.S_IFLNK
    if stat.S_ISDIR(_mode(target)):
        links.append(path)
        kind, target = _LINKED, os.fsencode(os.path.realpath(path))
    return _COUNT.pack(kind) + blake2b(row + target, digest_size=_ENTRY.size - _COUNT.size).digest()


def signature(path: str, limit: int) -> Signature:
    """Of what the path leads to, through links. Of a directory: which one it is."""
    try:
        s = os.stat(path)
    except (OSError, ValueError):
        return b""
    if stat.S_ISDIR(s.st_mode):
        return _ENTRY.pack(stat.S_IFDIR, s.st_dev, 0, 0, s.st_ino)
    changed = _unlike_any() if is_fresh(s.st_ctime_ns, limit) else s.st_ctime_ns
    return _ENTRY.pack(s.st_mode, s.st_size, s.st_mtime_ns, changed, s.st_ino)


def _unlike_any() -> int:
    return -int.from_bytes(os.urandom(7), "little") - 1


def is_fresh(changed: int, limit: int) -> bool:
    """Changed so late that a later change could bear the same time. Some file systems count whole seconds."""
    return changed >= limit or (changed % _SECOND == 0 and changed >= limit - _SECOND)


def digest(directories: Mapping[str, bytes]) -> bytes:
    whole = blake2b(digest_size=16)
    for path in sorted(directories):
        whole.update(b"%b\0%d " % (os.fsencode(path), len(directories[path])))
        whole.update(directories[path])
    return whole.digest()


def entries(packed: bytes) -> dict[str, Signature]:
    """{name: signature} of one directory."""
    return dict(_entries(packed))


def regular_files(packed: bytes) -> list[str]:
    return [name for name, row in _entries(packed) if stat.S_ISREG(_mode(row))]


def _entries(packed: bytes) -> Iterator[tuple[str, Signature]]:
    count = _COUNT.unpack_from(packed)[0] if packed else 0
    if not count:
        return iter(())
    start, size = _COUNT.size, _ENTRY.size
    names = os.fsdecode(packed[start + count * size :]).split("/")
    return zip(names, (packed[start + i * size : start + (i + 1) * size] for i in range(count)), strict=True)


def _mode(row: Signature) -> int:
    return int(_COUNT.unpack_from(row)[0]) if row else 0


def changes(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Changes:
    changed: set[str] = set()
    moved: set[str] = set()
    anything = False
    for directory in old.keys() | new.keys():
        before, after = old.get(directory, b""), new.get(directory, b"")
        if before == after:
            continue
        was, now = entries(before), entries(after)
        for name in was.keys() | now.keys():
            one, other = was.get(name, b""), now.get(name, b"")
            if one != other:
                anything = anything or _LINKED in (_mode(one), _mode(other))
                # A link may lead to a file now where none was found before, another mode may let it be read.
                stays = _mode(one) == _mode(other) and stat.S_ISREG(_mode(one))
                (changed if stays else moved).add(os.path.join(directory, name))
    return Changes(frozenset(changed), frozenset(moved), anything)
