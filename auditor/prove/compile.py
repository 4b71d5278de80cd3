# SPDX-License-Identifier: GPL-2.0-only
"""One run of a compiler: no shell, a bare environment, limits of time and memory, all output in a given directory."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.prove.flags import search_path

_LIMITED = (
    "import os, resource as r, sys\n"
    "m, s, f = map(int, sys.argv[1:4])\n"
    "for k, v in ((r.RLIMIT_AS, m), (r.RLIMIT_CPU, s), (r.RLIMIT_FSIZE, f), (r.RLIMIT_CORE, 0)):\n"
    "    r.setrlimit(k, (v, v))\n"
    "os.execv(sys.argv[4], sys.argv[4:])\n"
)
"""Sets the limits and becomes the compiler: between fork and exec a program with threads may run no Python."""
_LARGEST_OUTPUT = 1 << 30
_KEPT = 256 << 10
_MEMORY = re.compile(r"out of memory|virtual memory exhausted|[Cc]annot allocate memory|bad_alloc")
ERROR = re.compile(r"^(?P<file>[^\s:][^:\n]*):(?P<line>\d+):(?:\d+:)? (?:fatal )?error: (?P<text>.*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one run of the compiler."""

    seconds: int = 300
    megabytes: int = 4096


@dataclass(frozen=True, slots=True)
class Ran:
    """`failed` is empty if there is an object, else why not; `messages` is what the compiler said."""

    failed: str = ""
    messages: str = ""
    stopped: bool = False
    """By a limit, or never started: this says nothing about the code."""


class Compilers:
    """Runs compilers, from several threads; `close` ends those that are running."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for process in self._running:
                _kill(process)

    def run(self, command: Sequence[str], directory: str, scratch: Path) -> Ran:
        """`command` names its output itself; `scratch` is for the compiler's temporary files."""
        limits = self._limits
        limited = (str(n) for n in (limits.megabytes << 20, limits.seconds, _LARGEST_OUTPUT))
        start = [sys.executable, "-I", "-S", "-c", _LIMITED, *limited, *command]
        log = scratch / "messages"
        try:
            with log.open("w+b") as messages:
                with self._started(start, directory, scratch, messages.fileno()) as process:
                    if process is None:
                        return Ran("interrupted", stopped=True)
                    code = process.wait(limits.seconds)
                messages.seek(0)
                text = messages.read(_KEPT).decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            return Ran(f"takes longer than {limits.seconds} seconds (--time-limit)", stopped=True)
        except (OSError, ValueError) as e:
            return Ran(f"the compiler cannot be started: {e}", stopped=True)
        if code == 0:
            return Ran(messages=text)
        if _MEMORY.search(text):
            return Ran(f"needs more than {limits.megabytes} MiB of memory (--memory-limit)", text, stopped=True)
        if code == -signal.SIGXCPU:
            return Ran(f"takes longer than {limits.seconds} seconds (--time-limit)", text, stopped=True)
        return Ran(_why(code, text), text, stopped=code < 0)

    @contextlib.contextmanager
    def _started(
        self, start: Sequence[str], directory: str, scratch: Path, output: int
    ) -> Iterator[subprocess.Popen[bytes] | None]:
        with self._lock:
            if self._closed:
                yield None
                return
            process = subprocess.Popen(
                start,
                cwd=directory,
                env=_environment(scratch),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            self._running.add(process)
        try:
            yield process
        finally:
            _kill(process)
            process.wait()
            with self._lock:
                self._running.discard(process)


def _environment(scratch: Path) -> dict[str, str]:
    """Nothing of the user's that a compiler heeds (CPATH, DEPENDENCIES_OUTPUT, GCC_EXEC_PREFIX), and a fixed date."""
    return {
        "PATH": os.pathsep.join(search_path()),
        "LC_ALL": "C",
        "TMPDIR": str(scratch),
        "SOURCE_DATE_EPOCH": "0",
    }


def _kill(process: subprocess.Popen[bytes]) -> None:
    # The compiler's children, too: the driver starts cc1 and as.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _why(code: int, text: str) -> str:
    error = ERROR.search(text)
    if error is not None:
        return f"{error['file']}:{error['line']}: {error['text']}"
    if code < 0:
        return f"the compiler was ended by signal {-code}"
    first = next((line for line in text.splitlines() if line.strip()), f"exit code {code}")
    return f"the compiler failed: {first[:300]}"
