# SPDX-License-Identifier: GPL-2.0-only
"""Opening an input that is not trusted: a regular file of bounded size, or one clear error."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from auditor.errors import InputError


def open_regular(path: str) -> tuple[BinaryIO, int]:
    """An open file and its size in bytes. InputError: missing, unreadable, not a regular file (a FIFO never blocks).

    The size is 0 for files under /proc and /sys that do not know theirs.
    """
    try:
        # O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever; regular files ignore it.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as e:
        raise InputError(path, e.strerror or "cannot be opened") from e
    except ValueError as e:
        raise InputError(repr(path), f"not a file name: {e}") from e
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        what = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise InputError(path, f"is {what}", "name a regular file")
    return os.fdopen(fd, "rb"), status.st_size


def read_bounded(path: str, limit: int) -> bytes:
    """The whole file. InputError: as `open_regular`, empty, or more than `limit` bytes."""
    stream, _ = open_regular(path)
    with stream:
        try:
            data = stream.read(limit + 1)
        except OSError as e:
            raise InputError(path, e.strerror or "cannot be read") from e
    if not data:
        raise InputError(path, "is empty")
    if len(data) > limit:
        raise InputError(path, f"is larger than {limit >> 20} MiB, the most that is read")
    return data


def starts_with(path: str, magic: bytes) -> bool:
    """Does the file begin with these bytes? InputError as `open_regular`."""
    return head(path, len(magic)) == magic


def head(path: str, count: int) -> bytes:
    """The first bytes of the file, fewer if it is shorter. InputError as `open_regular`."""
    stream, _ = open_regular(path)
    with stream:
        try:
            return stream.read(count)
        except OSError as e:
            raise InputError(path, e.strerror or "cannot be read") from e
