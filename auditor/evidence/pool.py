# SPDX-License-Identifier: GPL-2.0-only
"""Units analysed in parallel processes. A worker that dies, or that takes too long, loses one unit and nothing else."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from auditor import libclang
from auditor.evidence.c.unit import Analyser, Job, Result
from auditor.kinds.dispatch import table

Progress = Callable[[int, int, str], None]
TIME_LIMIT = 120
"""Seconds that one unit may take; the slowest kernel units take two."""
_DEPTH = 20_000

_analyser: Analyser | None = None


def _start(library: str | None) -> None:
    global _analyser
    # The parent answers Ctrl-C for all of them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A syntax tree is as deep as the longest else-if chain or sum of its function.
    sys.setrecursionlimit(_DEPTH)
    libclang.use(library)
    _analyser = Analyser(table())


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


def analyse_all(jobs: Sequence[Job], workers: int, library: str | None, progress: Progress) -> Iterator[Result]:
    """Results in the order in which they are done. Jobs are started in the order given."""
    done = 0
    waiting = list(jobs)
    suspects: list[Job] = []
    while waiting:
        running: dict[Future[Result], Job] = {}
        with _pool(min(workers, len(waiting)), library) as pool:
            try:
                for job in waiting:
                    running[pool.submit(_analyse, job)] = job
                waiting = []
                while running:
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        result = future.result()
                        job = running.pop(future)
                        done += 1
                        progress(done, len(jobs), job.source)
                        yield result
            except BrokenProcessPool:
                # The pool does not say whose worker died: the units that were started are tried again one by one.
                started = [j for f, j in running.items() if f.running() or f.done()]
                suspects += started or list(running.values())[:workers]
                waiting = [j for j in running.values() if j not in suspects]
            except KeyboardInterrupt:
                _kill(pool)
                raise
    for job in suspects:
        done += 1
        progress(done, len(jobs), job.source)
        yield _alone(job, library)


def _alone(job: Job, library: str | None) -> Result:
    with _pool(1, library) as pool:
        try:
            return pool.submit(_analyse, job).result()
        except BrokenProcessPool:
            why = f"its analysis crashed, or took longer than {TIME_LIMIT} s"
            return Result(job.object, job.source, error=why)


def _pool(workers: int, library: str | None) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("fork")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(library,))


def _kill(pool: ProcessPoolExecutor) -> None:
    for process in list((pool._processes or {}).values()):
        process.kill()
    pool.shutdown(wait=False, cancel_futures=True)
