# SPDX-License-Identifier: GPL-2.0-only
"""Units analysed in parallel processes. A worker that dies, or that takes too long, loses one unit and nothing else."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from auditor import libclang
from auditor.evidence.c.job import Job, Overlays, Prelude, Result
from auditor.evidence.c.memory import Handlers
from auditor.evidence.c.unit import Analyser
from auditor.kernel.closure import Leading

Progress = Callable[[int, int, str], None]
_Setup = tuple[Handlers, Leading, str | None, str, Overlays]
TIME_LIMIT = 120
"""Seconds that one unit may take; the slowest kernel units take two."""
MEMORY_LIMIT = 6
"""GiB of address space that a worker may take; the largest kernel units need a tenth of it."""
ENDING = frozenset({signal.SIGINT, signal.SIGTERM})
_DEPTH = 20_000
# PR_SET_PDEATHSIG (linux/prctl.h)
_PDEATHSIG = 1

_analyser: Analyser | None = None


def begin_worker(limit: int) -> None:
    """What every worker does first. `limit`: GiB of address space that it may take."""
    # Whoever ends the parent, by SIGTERM or by closing the terminal, ends its workers.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
    # The parent answers Ctrl-C for all of them, and ends them itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    asked = limit << 30
    resource.setrlimit(resource.RLIMIT_AS, (asked if most == resource.RLIM_INFINITY else min(asked, most), most))


def _start(handlers: Handlers, leading: Leading, library: str | None, directory: str, overlays: Overlays) -> None:
    global _analyser
    begin_worker(MEMORY_LIMIT)
    # A syntax tree is as deep as the longest else-if chain or sum of its function.
    sys.setrecursionlimit(_DEPTH)
    # A unit makes some 50,000 small objects, most of which live until its end: the collector would walk over all of
    # them again and again, for a sixth of the worker's time. What the walk makes of cycles it takes apart itself.
    gc.disable()
    libclang.use(library)
    _analyser = Analyser(handlers, directory, leading, overlays)


def _analyse(job: Job) -> Result:
    assert _analyser is not None
    # The default action of SIGALRM ends the process: a parse inside libclang can be stopped in no other way.
    signal.alarm(TIME_LIMIT)
    try:
        return _analyser.analyse(job)
    except MemoryError:
        return Result(job.object, job.source, error=f"it takes more than {MEMORY_LIMIT} GiB to analyse")
    except Exception as e:  # noqa: BLE001 - the worker's outermost: a bug of ours loses one unit, by name, not the audit
        where = traceback.extract_tb(e.__traceback__)[-1]
        why = f"internal error, please report: {type(e).__name__}: {e} ({Path(where.filename).name}:{where.lineno})"
        return Result(job.object, job.source, error=why)
    finally:
        signal.alarm(0)


def analyse_all(
    jobs: Sequence[Job],
    workers: int,
    handlers: Handlers,
    library: str | None,
    progress: Progress,
    leading: Leading | None = None,
    overlays: Overlays | None = None,
) -> Iterator[Result]:
    """Results in the order in which they are done. Jobs are started in the order given. `overlays`: of the versions
    that jobs ask for."""
    with _directory() as directory:
        setup = (handlers, leading or Leading(), library, directory, overlays or {})
        yield from _analyse_all(jobs, workers, setup, progress)


@contextmanager
def _directory() -> Iterator[str]:
    """Where workers leave what they share; the empty string where nothing can be written: they do without."""
    try:
        made = tempfile.TemporaryDirectory(prefix="ptregs-audit-", ignore_cleanup_errors=True)
    except OSError:
        yield ""
        return
    with made as path:
        yield path


class _Worker:
    """One process of its own: if it ends, the unit that it had is what may have ended it."""

    def __init__(self, setup: _Setup) -> None:
        self._setup = setup
        self.pool = _pool(setup)
        self.prelude: Prelude | None = None

    def submit(self, job: Job) -> Future[Result]:
        try:
            submitted = _submit(self.pool, job)
        except BrokenProcessPool:
            # It was killed while it had nothing to do.
            self.begin_anew()
            submitted = _submit(self.pool, job)
        self.prelude = job.prelude
        return submitted

    def begin_anew(self) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)
        self.pool = _pool(self._setup)
        self.prelude = None


class _Waiting:
    """Units by what they share, so that headers are parsed by as few workers as keep all of them busy."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._by_prelude: dict[Prelude | None, deque[Job]] = {}
        for job in jobs:
            self._by_prelude.setdefault(job.prelude, deque()).append(job)
        self._taken: set[Prelude] = set()

    def next(self, prelude: Prelude | None) -> Job | None:
        """The next unit for a worker that has this prelude: one that shares it, else of a prelude that nobody has, else
        one that shares nothing, else whatever there is most of."""
        groups = {p: len(jobs) for p, jobs in self._by_prelude.items() if jobs}
        if not groups:
            return None
        fresh = [p for p in groups if p is not None and p not in self._taken]
        if prelude is not None and prelude in groups:
            chosen: Prelude | None = prelude
        elif fresh:
            chosen = max(fresh, key=lambda p: groups[p])
        else:
            chosen = None if None in groups else max(groups, key=lambda p: groups[p])
        if chosen is not None:
            self._taken.add(chosen)
        return self._by_prelude[chosen].popleft()

    def without(self, prelude: Prelude | None) -> None:
        """What these units share may be what kills, and would kill again."""
        if prelude is not None:
            alone = [replace(j, prelude=None) for j in self._by_prelude.pop(prelude, ())]
            self._by_prelude.setdefault(None, deque()).extend(alone)


def _analyse_all(jobs: Sequence[Job], workers: int, setup: _Setup, progress: Progress) -> Iterator[Result]:
    done = 0
    waiting = _Waiting(jobs)
    suspects: list[Job] = []
    idle = [_Worker(setup) for _ in range(min(workers, len(jobs)))]
    everyone = list(idle)
    running: dict[Future[Result], tuple[_Worker, Job]] = {}
    try:
        while True:
            while idle and (job := waiting.next(idle[-1].prelude)) is not None:
                worker = idle.pop()
                running[worker.submit(job)] = worker, job
            if not running:
                break
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                worker, job = running.pop(future)
                idle.append(worker)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    suspects.append(job)
                    waiting.without(job.prelude)
                    worker.begin_anew()
                    continue
                done += 1
                progress(done, len(jobs), job.source)
                yield result
    except BaseException:
        # Ctrl-C, or the caller gave up: do not wait for units that nobody asks for any more.
        for worker in everyone:
            kill(worker.pool)
        raise
    for worker in everyone:
        worker.pool.shutdown()
    for job in suspects:
        done += 1
        progress(done, len(jobs), job.source)
        # What it shares with others may be what is wrong with it.
        yield _alone(replace(job, prelude=None), setup)


def _alone(job: Job, setup: _Setup) -> Result:
    started = time.monotonic()
    with _pool(setup) as pool:
        try:
            return _submit(pool, job).result()
        except BrokenProcessPool:
            late = time.monotonic() - started >= TIME_LIMIT
            crashed = f"its analysis crashed, twice (it may take {MEMORY_LIMIT} GiB)"
            why = f"it takes longer than {TIME_LIMIT} s to parse" if late else crashed
            return Result(job.object, job.source, error=why)
        except BaseException:
            kill(pool)
            raise


def _pool(setup: _Setup) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("fork")
    return ProcessPoolExecutor(1, mp_context=context, initializer=_start, initargs=setup)


def _submit(pool: ProcessPoolExecutor, job: Job) -> Future[Result]:
    # The first unit starts the process, and Python forgets a signal that comes within a fork.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        return pool.submit(_analyse, job)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def kill(pool: ProcessPoolExecutor) -> None:
    for process in list((pool._processes or {}).values()):
        process.kill()
    pool.shutdown(wait=True, cancel_futures=True)
