# SPDX-License-Identifier: GPL-2.0-only
"""Where reports go: `-o FORMAT=PATH`. A file is complete or untouched, and one that fails does not stop the others."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from auditor.errors import UsageError
from auditor.reports.registry import FORMATS, Writer, writer
from auditor.terminal import discard_stdout

if TYPE_CHECKING:
    from auditor.model import Report
    from auditor.reports.view import View


@dataclass(frozen=True, slots=True)
class Output:
    """`path` None is stdout."""

    format: str
    path: Path | None


def parse_outputs(values: Sequence[str], format_: str | None, default: str = "text") -> tuple[Output, ...]:
    """The outputs asked for; `default` on stdout when there are none. UsageError: before an audit, not after it."""
    outputs = [_parse(v) for v in values]
    if format_ is not None:
        outputs.append(Output(format_, None))
    if not outputs:
        outputs.append(Output(default, None))
    targets = [o.path.resolve() if o.path else None for o in outputs]
    for target in targets:
        if targets.count(target) > 1:
            raise UsageError(f"two outputs go to {target or 'stdout'}")
    return tuple(outputs)


def _parse(value: str) -> Output:
    name, separator, target = value.partition("=")
    if not separator or not target:
        raise UsageError(f"-o {value}: expected FORMAT=PATH, such as -o json=report.json")
    if name not in FORMATS:
        raise UsageError(f"-o {value}: unknown format {name!r}; known: {', '.join(FORMATS)}")
    if target == "-":
        return Output(name, None)
    path = Path(target)
    if path.is_dir():
        raise UsageError(f"-o {value}: {path} is a directory")
    if not path.parent.is_dir():
        raise UsageError(f"-o {value}: there is no directory {path.parent}")
    return Output(name, path)


def spare(outputs: Sequence[Output], inputs: Sequence[Path]) -> None:
    """UsageError: a report would take the place of something that the audit reads."""
    read = {os.path.realpath(i): i for i in inputs}
    for output in outputs:
        if output.path is not None and (name := read.get(os.path.realpath(output.path))) is not None:
            raise UsageError(
                f"-o {output.format}={output.path} would overwrite {name}, which is read: name another file"
            )


def write_outputs(report: Report, outputs: Sequence[Output], view: View) -> list[str]:
    """Write all of them; returns a message for each that failed."""
    failures = []
    for output in outputs:
        write = writer(output.format)
        try:
            if output.path is None:
                _to_stdout(report, write, view)
            else:
                with replacing(output.path) as stream:
                    write(report, stream, replace(view, colour=False))
        except OSError as e:
            failures.append(f"{output.path or 'stdout'}: not written: {e.strerror or e}")
    return failures


def _to_stdout(report: Report, write: Writer, view: View) -> None:
    try:
        write(report, sys.stdout, view)
        sys.stdout.flush()
    except BrokenPipeError:
        # A reader such as `head` has seen enough; that changes nothing about the findings.
        discard_stdout()
    except OSError:
        discard_stdout()
        raise


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A stream to a new file beside `path` that takes its place at the end, or vanishes on any failure.

    What is not a regular file (a device, a pipe) cannot be replaced and is written to.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with target.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            yield stream
        return
    beside = target.with_name(f".{target.name[:100]}.{os.urandom(4).hex()}")
    # O_EXCL: never through a link that somebody else has put there.
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            yield stream
        if target.exists():
            beside.chmod(stat.S_IMODE(target.stat().st_mode))
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
