# SPDX-License-Identifier: GPL-2.0-only
"""Do the tests notice when the code is wrong? Each change of mutants.toml is made in a copy and tested there.

Exit 0: at least 58 of the 60 were noticed; 1: fewer; 2: the list does not fit the code, or the tests fail without any
change. Usage: run.py [-j N] [NAME]...
"""

from __future__ import annotations

import argparse
import concurrent.futures
import enum
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.mutants.mutants import ROOT, ListError, Mutant, load

REQUIRED = 58
LIMIT = 120
"""Seconds that one mutant's tests may take: one that makes the code run in circles is noticed as well."""
_COPIED = ("auditor", "rules", "fixtures", "tests", "pyproject.toml", "README.md")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*_cache", ".hypothesis", "*.pyc")
_PYTEST = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=no", "--no-header")
# pytest's exit codes.
_PASSED, _FAILED = 0, 1


class End(enum.Enum):
    KILLED = "killed"
    SURVIVED = "SURVIVED"
    CRASHED = "CRASHED"


@dataclass(frozen=True, slots=True)
class Outcome:
    end: End
    detail: str
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Changes our own code, one change at a time, and runs the tests.")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="mutants tested at a time (default: 2)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these mutants")
    options = parser.parse_args(arguments)
    try:
        mutants = [m for m in load() if not options.names or m.name in options.names]
        if unknown := set(options.names) - {m.name for m in mutants}:
            raise ListError(f"no mutant is named {sorted(unknown)[0]}")
        for mutant in mutants:
            mutant.applied((ROOT / mutant.file).read_text(encoding="utf-8"))
        if not mutants:
            raise ListError("no mutant is listed")
        _check_unchanged(mutants)
    except (ListError, OSError) as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    killed = 0
    with concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool:
        for mutant, outcome in zip(mutants, pool.map(try_mutant, mutants), strict=True):
            killed += outcome.end is End.KILLED
            print(f"{outcome.end.value:<9} {outcome.seconds:5.1f} s  {mutant.name}: {outcome.detail}", flush=True)
    left = len(mutants) - killed
    print(f"{killed} passed, {left} failed")
    return int(left > len(mutants) - REQUIRED if len(mutants) >= REQUIRED else left > 0)


def _check_unchanged(mutants: Sequence[Mutant]) -> None:
    """A test that fails without any change notices nothing."""
    tests = tuple(dict.fromkeys(t for m in mutants for t in m.tests))
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        code, output = _run(_copy(Path(name)), tests, LIMIT * 6)
    if code != _PASSED:
        raise ListError(f"the tests fail without any change: {_last(output)}")


def try_mutant(mutant: Mutant) -> Outcome:
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        copy = _copy(Path(name))
        file = copy / mutant.file
        file.write_text(mutant.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
        if mutant.file.endswith(".py") and (problem := _import(copy, mutant.file)):
            end, detail = End.CRASHED, problem
        else:
            code, output = _run(copy, mutant.tests, LIMIT)
            end, detail = _judge(code, output)
    if end is End.CRASHED and mutant.may_crash:
        end = End.KILLED
    detail = mutant.why if end is End.SURVIVED else detail
    return Outcome(end, detail, time.monotonic() - start)


def _judge(code: int, output: str) -> tuple[End, str]:
    if code == _PASSED:
        return End.SURVIVED, ""
    # Any other code: nothing was tested, because the code or the rules do not even load.
    return (End.KILLED if code == _FAILED else End.CRASHED), _last(output)


def _copy(directory: Path) -> Path:
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, directory / name, ignore=_LEFT_OUT, symlinks=True)
        else:
            shutil.copy(source, directory / name)
    return directory


def _import(copy: Path, file: str) -> str:
    module = file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"],
        cwd=copy, env=_environment(copy), capture_output=True, text=True, check=False,
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stderr.strip().rpartition("\n")[2]


def _run(copy: Path, tests: Sequence[str], limit: int) -> tuple[int, str]:
    command = [sys.executable, *_PYTEST, *tests]
    try:
        done = subprocess.run(
            command, cwd=copy, env=_environment(copy), capture_output=True, text=True, check=False, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return _FAILED, f"the tests were not done after {limit} s"
    return done.returncode, done.stdout + done.stderr


def _environment(copy: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}


def _last(output: str) -> str:
    """The test that failed, or else the last line."""
    lines = [line for line in output.splitlines() if line.strip()]
    failed = [line.partition(" - ")[0] for line in lines if line.startswith(("FAILED ", "ERROR "))]
    return failed[0] if failed else lines[-1] if lines else "no output"


if __name__ == "__main__":
    sys.exit(main())
