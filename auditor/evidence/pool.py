# SPDX-License-Identifier: GPL-2.0-only
"""Units analysed in parallel processes. A worker that dies, or that takes too long, loses one unit and nothing else."""

from __future__ import annotations

import gc
import multiprocessing
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
from auditor.evidence.c.job import Job, Result
from auditor.evidence.c.unit import Analyser
from auditor.evidence.c.walk import Handlers
from auditor.kernel.closure import Leading

Progress = Callable[[int, int, str], None]
_Setup = tuple[Handlers, Leading, str | None, str]
TIME_LIMIT = 120
"""Seconds that one unit may take; the slowest kernel units take two."""
_DEPTH = 20_000

_analyser: Analyser | None = None


def _start(handlers: Handlers, leading: Leading, library: str | None, directory: str) -> None:
    global _analyser
    # The parent answers Ctrl-C for all of them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A syntax tree is as deep as the longest else-if chain or sum of its function.
    sys.setrecursionlimit(_DEPTH)
    # A unit makes some 50,000 small objects, most of which live until its end: the collector would walk over all of
    # them again and again, for a sixth of the worker's time. What the walk makes of cycles it takes apart itself.
    gc.disable()
    libclang.use(library)
    _analyser = Analyser(handlers, directory, leading)


def _analyse(job: Job) -> Result:
    assert _analyser is not None
    # The default action of SIGALRM ends the process: a parse inside libclang can be stopped in no other way.
    signal.alarm(TIME_LIMIT)
    try:
        return _analyser.analyse(job)
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
) -> Iterator[Result]:
    """Results in the order in which they are done. Jobs are started in the order given."""
    with _directory() as directory:
        yield from _analyse_all(jobs, workers, (handlers, leading or Leading(), library, directory), progress)


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


def _analyse_all(jobs: Sequence[Job], workers: int, setup: _Setup, progress: Progress) -> Iterator[Result]:
    done = 0
    waiting = deque(jobs)
    suspects: list[Job] = []
    while waiting:
        running: dict[Future[Result], Job] = {}
        with _pool(min(workers, len(waiting)), setup) as pool:
            try:
                while waiting or running:
                    # No more at a time than there are workers: what runs when one dies is what may have killed it.
                    while waiting and len(running) < workers:
                        job = waiting.popleft()
                        running[pool.submit(_analyse, job)] = job
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        result = future.result()
                        job = running.pop(future)
                        done += 1
                        progress(done, len(jobs), job.source)
                        yield result
            except BrokenProcessPool:
                # The pool does not say whose worker died: the units that ran are tried again one by one.
                suspects += running.values()
                # What they share may be what kills, and would kill again.
                suspected = {j.prelude for j in running.values()} - {None}
                waiting = deque(replace(j, prelude=None) if j.prelude in suspected else j for j in waiting)
            except BaseException:
                # Ctrl-C, or the caller gave up: do not wait for units that nobody asks for any more.
                _kill(pool)
                raise
    for job in suspects:
        done += 1
        progress(done, len(jobs), job.source)
        # What it shares with others may be what is wrong with it.
        yield _alone(replace(job, prelude=None), setup)


def _alone(job: Job, setup: _Setup) -> Result:
    started = time.monotonic()
    with _pool(1, setup) as pool:
        try:
            return pool.submit(_analyse, job).result()
        except BrokenProcessPool:
            late = time.monotonic() - started >= TIME_LIMIT
            why = f"it takes longer than {TIME_LIMIT} s to parse" if late else "its analysis crashed, twice"
            return Result(job.object, job.source, error=why)
        except BaseException:
            _kill(pool)
            raise


def _pool(workers: int, setup: _Setup) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("fork")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=setup)


def _kill(pool: ProcessPoolExecutor) -> None:
    for process in list((pool._processes or {}).values()):
        process.kill()
    pool.shutdown(wait=True, cancel_futures=True)
