# SPDX-License-Identifier: GPL-2.0-only
"""One unit compiled before and after the change, and what became of its functions."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from auditor.errors import AuditorError
from auditor.model import Unit
from auditor.prove.compile import Compilers, Limits
from auditor.prove.flags import compiler_path, compiling
from auditor.prove.inlining import options, pairs
from auditor.prove.objects import Compared, compare
from auditor.prove.overlay import Overlay
from auditor.prove.stops import Stop, stops

Progress = Callable[[int, int, str], None]
_SEPARATE = re.compile(r"(?<!\\)\s+")


@dataclass(frozen=True, slots=True)
class UnitProof:
    """Exactly one of `undecided` (why), `stops` (by the change) and `compared` is set.

    `inlined`: (callee, caller), on either side.
    """

    unit: Unit
    undecided: str = ""
    stops: tuple[Stop, ...] = ()
    compared: Compared | None = None
    inlined: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Bench:
    """What all compilations of one proof share."""

    overlay: Overlay
    root: Path
    build: Path
    scratch: Path
    limits: Limits


def prove_units(units: Sequence[Unit], bench: Bench, jobs: int, progress: Progress) -> Iterator[UnitProof]:
    """In the order in which they are done. A unit that cannot be decided hides no other."""
    compilers = Compilers(bench.limits)
    pool = ThreadPoolExecutor(jobs)
    try:
        waiting = {pool.submit(_prove, n, unit, bench, compilers) for n, unit in enumerate(units)}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                proof = future.result()
                progress(len(units) - len(waiting), len(units), proof.unit.source)
                yield proof
    finally:
        compilers.close()
        pool.shutdown(cancel_futures=True)


def _prove(number: int, unit: Unit, bench: Bench, compilers: Compilers) -> UnitProof:
    scratch = bench.scratch / f"{number}"
    try:
        scratch.mkdir()
        return _compare(unit, bench, compilers, scratch)
    except OSError as e:
        return UnitProof(unit, undecided=f"{scratch}: {e.strerror or e}")
    except AuditorError as e:
        return UnitProof(unit, undecided=str(e))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _compare(unit: Unit, bench: Bench, compilers: Compilers, scratch: Path) -> UnitProof:
    words = compiling(unit.arguments, unit.source)
    compiler = compiler_path(unit.compiler, (bench.root, bench.build), unit.source)
    objects = []
    inlined: frozenset[tuple[str, str]] = frozenset()
    for side, flags in zip("ab", bench.overlay.flags, strict=True):
        made, read, remarks = (scratch / f"{side}.{suffix}" for suffix in ("o", "d", "inlined"))
        # -g0 last: debug information costs time and says nothing about code.
        command = [compiler, *flags, *_optimised(words), *words, *options(compiler, remarks)]
        command += ["-g0", "-c", "-MD", "-MF", str(read), "-o", str(made)]
        ran = compilers.run(command, unit.directory, scratch)
        if ran.failed and (side == "a" or ran.stopped):
            when = "before the change" if side == "a" else "after the change"
            return UnitProof(unit, undecided=f"does not compile {when}: {_told(ran.failed, bench)}")
        if ran.failed:
            found = stops(ran.messages, lambda file: _relative(file, unit, bench))
            return UnitProof(unit, stops=found or (Stop(unit.source, 0, _told(ran.failed, bench)),))
        if problem := _unread(read, unit, bench.overlay):
            return UnitProof(unit, undecided=problem)
        objects.append(made)
        inlined |= pairs(remarks, ran.messages)
    return UnitProof(unit, compared=compare(*objects), inlined=inlined)


def _optimised(words: Sequence[str]) -> tuple[str, ...]:
    """A command that does not say how to optimise is not of a build: unfolded address arithmetic says nothing."""
    return () if any(w.startswith("-O") for w in words) else ("-O2",)


def _unread(dependencies: Path, unit: Unit, overlay: Overlay) -> str:
    """Why the compilation does not show the change, or nothing: it must have read the copy and nothing but the copy."""
    text = dependencies.read_text(encoding="utf-8", errors="surrogateescape").replace("\\\n", " ")
    name = os.path.basename(overlay.header)
    named = [w.replace("\\ ", " ").replace("$$", "$") for w in _SEPARATE.split(text) if w.endswith(name)]
    read = {os.path.realpath(os.path.join(unit.directory, w)) for w in named}
    if overlay.header in read:
        return f"reads {overlay.header} by another way than the include path, past the changed copy"
    copies = tuple(os.path.realpath(d) + os.sep for d in (overlay.before, overlay.after))
    return "" if any(r.startswith(copies) for r in read) else f"does not read {overlay.header}"


def _relative(file: str, unit: Unit, bench: Bench) -> str:
    path = os.path.normpath(os.path.join(unit.directory, file))
    for copy in (bench.overlay.before, bench.overlay.after):
        if path.startswith(f"{copy}{os.sep}"):
            path = bench.overlay.header
    for base in (bench.root, bench.build):
        if path.startswith(f"{base}{os.sep}"):
            return os.path.relpath(path, base)
    return path


def _told(message: str, bench: Bench) -> str:
    for base in (bench.root, bench.build):
        message = message.replace(f"{base}{os.sep}", "")
    return message
