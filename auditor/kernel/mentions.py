# SPDX-License-Identifier: GPL-2.0-only
"""Every line of a tree that names the struct, one of its aliases or accessors, and every inline ignore: a text index,
independent of any build.

A word counts where no letter or digit touches it, so that `_` joins: `pt_regs` is named by `struct pt_regs`,
`task_pt_regs` and `bpf_user_pt_regs_t`, but not by `interrupt_regs` or `crypt_regs`. Case counts.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.errors import UsageError
from auditor.kernel.ignores import MARKER, Noted, ignores_in
from auditor.kernel.texts import Reading, Texts, printable
from auditor.kernel.units import source_path
from auditor.model import Failure, Ignore, Unit

_LARGEST = 64 << 20
_HEAD = 1 << 12
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_PLAIN = Texts()


@dataclass(frozen=True, slots=True, order=True)
class Mention:
    """`file` is relative to the tree, with `/`; bytes of a name that are not UTF-8 are written as \\xNN."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Index:
    """`mentions` and `ignores` are sorted; `unread` names the files that could not be looked at, and why."""

    mentions: tuple[Mention, ...]
    unread: tuple[Failure, ...]
    ignores: tuple[Ignore, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """What one file gives."""

    lines: tuple[int, ...] = ()
    ignores: tuple[Noted, ...] = ()


_NOTHING = _Found()


class Words:
    """A compiled search for any of some identifiers."""

    def __init__(self, words: Sequence[str]) -> None:
        if not words or not all(re.fullmatch(r"\w+", w, re.ASCII) for w in words):
            raise UsageError(f"not identifiers: {', '.join(words) or '(none)'}")
        names = b"|".join(re.escape(w.encode()) for w in words)
        self._pattern = re.compile(rb"(?<![A-Za-z0-9])(?:" + names + rb")(?![A-Za-z0-9])")
        # One substring test answers for most files; the words of an architecture end alike ("_regs").
        self.common = _common_end(words).encode()
        self._words = tuple(w.encode() for w in words)

    def __str__(self) -> str:
        return b" ".join(sorted(self._words)).decode()

    def named_in(self, data: bytes) -> bool:
        return self._may_name(data) and self._pattern.search(data) is not None

    def lines(self, data: bytes) -> list[int]:
        """Numbers of the lines that name a word, ascending."""
        found: list[int] = []
        if not self._may_name(data):
            return found
        line, counted = 1, 0
        for match in self._pattern.finditer(data):
            line += data.count(b"\n", counted, match.start())
            counted = match.start()
            if not found or found[-1] != line:
                found.append(line)
        return found

    def _may_name(self, data: bytes) -> bool:
        """Substring tests at memory speed; the pattern, ten times slower, is left with a fiftieth of the files."""
        return self.common in data and any(w in data for w in self._words)


def _common_end(words: Sequence[str]) -> str:
    ends = (words[0][i:] for i in range(len(words[0]) + 1))
    return next(end for end in ends if all(w.endswith(end) for w in words))


def index(root: Path, words: Words, skip: Collection[Path] = (), texts: Texts = _PLAIN) -> Index:
    """Search every text file below `root`. Binary files (a NUL in the first block) hold no mention.

    Symbolic links are not followed: what they name inside the tree is found there. FIFOs, sockets and devices are
    never opened. `skip`: directories to leave out, such as a build inside the tree. Files over 64 MiB and files that
    cannot be read are `unread`.
    """
    reader = _Reader(words, also=MARKER)

    def search(path: str) -> _Found:
        data = reader.read(path)
        if data is None:
            raise OSError(errno.EFBIG, f"larger than {_LARGEST >> 20} MiB")
        if not data or b"\0" in data[:_HEAD]:
            return _NOTHING
        return _Found(tuple(words.lines(data)), ignores_in(path, data))

    reading = Reading(f"lines that name {words}, and ignores", search, _NOTHING, _Found)
    found, unread = texts.below(os.fspath(root), frozenset(map(os.fspath, skip)), reading)
    mentions = [Mention(printable(name), n) for name, of_file in found for n in of_file.lines]
    ignores = [_ignore(printable(name), n) for name, of_file in found for n in of_file.ignores]
    return Index(
        tuple(sorted(mentions)),
        tuple(sorted(unread, key=lambda f: f.file)),
        tuple(sorted(ignores, key=lambda i: (i.file, i.line))),
    )


def _ignore(file: str, noted: Noted) -> Ignore:
    n = noted
    return Ignore(file, n.line, n.lines, n.below, n.rules, n.reason, n.malformed)


def candidates(units: Iterable[Unit], words: Words, texts: Texts = _PLAIN) -> tuple[Unit, ...]:
    """The units whose own source names a word, in the given order; an unreadable source counts as a candidate."""
    reader = _Reader(words, follow=True)

    def names(path: str) -> bool:
        data = reader.read(path)
        return data is None or words.named_in(data)

    reading = Reading(f"whether it names {words}", names, False, bool)
    return tuple(u for u in units if _is_candidate(os.fspath(source_path(u)), reading, texts))


def _is_candidate(path: str, reading: Reading[bool], texts: Texts) -> bool:
    try:
        return texts.of(path, reading)
    except OSError:
        return True


class _Reader:
    """Whole files, one after the other in one buffer: fresh memory for each costs four times what reading does."""

    def __init__(self, words: Words, follow: bool = False, also: bytes = b"") -> None:
        self._needles = (words.common, also) if also else (words.common,)
        self._flags = _OPEN & ~os.O_NOFOLLOW if follow else _OPEN
        self._buffer = bytearray(1 << 20)

    def read(self, path: str) -> bytes | None:
        """The file if it can name a word or holds `also`, else b""; b"" too for what is no regular file or is binary
        and huge, None for text over the limit."""
        fd = os.open(path, self._flags)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return b""
            if status.st_size > _LARGEST:
                return b"" if b"\0" in os.read(fd, _HEAD) else None
            if status.st_size > len(self._buffer):
                self._buffer = bytearray(status.st_size)
            length = os.readv(fd, [self._buffer])
            wanted = any(self._buffer.find(n, 0, length) >= 0 for n in self._needles)
            return bytes(self._buffer[:length]) if wanted else b""
        finally:
            os.close(fd)
