# SPDX-License-Identifier: GPL-2.0-only
"""Texts read in parallel. A worker that dies or takes too long loses one file, by name."""

from __future__ import annotations

import errno
import gc
import multiprocessing
import os
import signal
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from auditor.evidence.pool import ENDING, begin_worker, kill
from auditor.evidence.text.parsing import LARGEST
from auditor.evidence.text.read import Reader, Text
from auditor.evidence.text.types import Known

TIME_LIMIT = 60
"""Seconds for one file; the slowest of a kernel takes one."""
MEMORY_LIMIT = 2
"""GiB of address space that a worker may take more than it has at its start."""
_CHUNK = 24
_FEW = 8
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW

_reader: Reader | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """`root`: what paths are relative to."""

    root: str
    struct: str
    arch: str
    known: Known


def read_all(paths: Sequence[str], asked: Asked, workers: int) -> Iterator[tuple[str, Text]]:
    """(path, what it gave), in any order; paths are relative to the root."""
    if len(paths) <= _FEW:
        reader = Reader(asked.struct, asked.arch, asked.known)
        for path in paths:
            yield path, _read(reader, asked.root, path)
        return
    # Long files are spread over the chunks, so that all of these take about as long.
    ordered = sorted(paths, key=lambda p: (-_size(asked.root, p), p))
    count = -(-len(ordered) // _CHUNK)
    waiting = deque(ordered[i::count] for i in range(count))
    suspects: list[str] = []
    pools = [_pool(asked) for _ in range(max(1, min(workers, count)))]
    running: dict[Future[list[tuple[str, Text]]], tuple[ProcessPoolExecutor, list[str]]] = {}

    def give(pool: ProcessPoolExecutor) -> None:
        if waiting:
            chunk = waiting.popleft()
            running[_submit(pool, asked.root, chunk)] = pool, chunk

    try:
        for pool in pools:
            give(pool)
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                pool, chunk = running.pop(future)
                try:
                    yield from future.result()
                except BrokenProcessPool:
                    suspects += chunk
                    pools.remove(pool)
                    pool.shutdown()
                    pools.append(pool := _pool(asked))
                give(pool)
    except BaseException:
        # Ctrl-C, or the caller gave up.
        for pool in pools:
            kill(pool)
        raise
    for pool in pools:
        pool.shutdown()
    for path in suspects:
        yield path, _alone(asked, path)


def _alone(asked: Asked, path: str) -> Text:
    with _pool(asked) as pool:
        try:
            return _submit(pool, asked.root, [path]).result()[0][1]
        except BrokenProcessPool:
            return Text(problem=f"it takes more than {TIME_LIMIT} s or {MEMORY_LIMIT} GiB to read")
        except BaseException:
            kill(pool)
            raise


def _pool(asked: Asked) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("fork")
    return ProcessPoolExecutor(1, mp_context=context, initializer=_start, initargs=(asked,))


def _submit(pool: ProcessPoolExecutor, root: str, paths: Sequence[str]) -> Future[list[tuple[str, Text]]]:
    # The first chunk starts the process, and Python forgets a signal that comes within a fork.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        return pool.submit(_chunk, root, paths)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(asked: Asked) -> None:
    global _reader
    begin_worker(MEMORY_LIMIT)
    # Nodes are many and short-lived, and make no cycles.
    gc.disable()
    _reader = Reader(asked.struct, asked.arch, asked.known)


def _chunk(root: str, paths: Sequence[str]) -> list[tuple[str, Text]]:
    assert _reader is not None
    found = []
    for path in paths:
        signal.alarm(TIME_LIMIT)
        found.append((path, _read(_reader, root, path)))
        signal.alarm(0)
    gc.collect()
    return found


def _read(reader: Reader, root: str, path: str) -> Text:
    try:
        return reader.read(path, read_source(os.path.join(root, path)))
    except OSError as e:
        return Text(problem=e.strerror or "cannot be read")
    except MemoryError:
        return Text(problem=f"it takes more than {MEMORY_LIMIT} GiB to read")


def read_source(path: str) -> bytes:
    """A file as far as it may be read, and a byte more where it is too long. Links are not followed, nor is anything
    opened but files. OSError: it cannot be read."""
    with open(os.open(path, _FLAGS), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a file")
        return file.read(LARGEST + 1)


def _size(root: str, path: str) -> int:
    try:
        return os.stat(os.path.join(root, path)).st_size
    except OSError:
        return 0
