# SPDX-License-Identifier: GPL-2.0-only
"""The options that `audit` and `what-if` share: which changes are judged, and how the report is wanted."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.outputs import Output, parse_outputs, write_outputs
from auditor.errors import UsageError
from auditor.reports.registry import FORMATS
from auditor.terminal import printable, use_colour
from auditor.vocabulary import KINDS, Verdict

if TYPE_CHECKING:
    from auditor.model import Report

DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
CACHE = click.Path(file_okay=False, path_type=Path)
_VERDICTS = [v.value for v in Verdict]

Command = Callable[..., int]

_ASKING = (
    click.option(
        "--proposal", "proposals", multiple=True, metavar="ID|FILE", help="A change to judge; all shipped ones."
    ),
    click.option("--after-header", type=FILE, help="Compare with the struct in this header."),
    click.option("--after-btf", type=FILE, help="Compare with the struct in this BTF."),
    click.option("--after-tree", type=DIRECTORY, help="Compare with the struct in this tree."),
)  # fmt: skip
_SHOWING = (
    click.option("--path", "paths", multiple=True, metavar="GLOB", help="Only files that match, or below a directory."),
    click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only this kind of dependence."),
    click.option("--verdict", "verdicts", multiple=True, type=click.Choice(_VERDICTS), help="Only this verdict."),
    click.option("--fail-on", type=click.Choice(_VERDICTS), default="break", show_default=True, help="The threshold."),
    click.option("--exit-zero", is_flag=True, help="Exit with 0 in spite of findings."),
    click.option("--all", "everything", is_flag=True, help="List every site, not only the first 50."),
    click.option("--output", "-o", "outputs", multiple=True, metavar="FORMAT=PATH",
                 help="Write a report; - is stdout."),
    click.option("--format", "format_", type=click.Choice(list(FORMATS)), help="Short for -o FORMAT=-."),
    click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
                 help="Colour the text."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Showing:
    """How the report is wanted."""

    filters: dict[str, tuple[str, ...]]
    outputs: tuple[Output, ...]
    threshold: Verdict
    exit_zero: bool
    everything: bool
    color: str

    def finish(self, report: Report, seconds: float) -> int:
        """Writes all outputs; the exit code."""
        from auditor.cli import exits
        from auditor.reports.view import View

        view = View(
            threshold=self.threshold,
            limit=None if self.everything else View().limit,
            colour=use_colour(self.color, sys.stdout.isatty(), os.environ),
            seconds=seconds,
        )
        failures = write_outputs(report, self.outputs, view)
        for message in failures:
            click.echo(f"ptregs-audit: {printable(message)}", err=True)
        return exits.INCOMPLETE if failures else exits.of_report(report, self.filters, self.threshold, self.exit_zero)


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Facts are hundreds of thousands of small objects without cycles that live until the end: looking for cycles
    among them again and again takes a tenth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def asking(command: Command) -> Command:
    """The command gets `asked`."""

    @functools.wraps(command)
    def collected(
        *, proposals: tuple[str, ...], after_header: Path | None, after_btf: Path | None, after_tree: Path | None,
        **others: Any
    ) -> int:  # fmt: skip
        from auditor.model import Asked

        after = _after({"header": after_header, "btf": after_btf, "tree": after_tree})
        return command(asked=Asked(tuple(dict.fromkeys(proposals)), after), **others)

    return _with(_ASKING, collected)


def showing(command: Command) -> Command:
    """The command gets `showing`."""

    @functools.wraps(command)
    def collected(
        *, paths: tuple[str, ...], kinds: tuple[str, ...], verdicts: tuple[str, ...], fail_on: str, exit_zero: bool,
        everything: bool, outputs: tuple[str, ...], format_: str | None, color: str, **others: Any
    ) -> int:  # fmt: skip
        filters = {n: v for n, v in (("path", paths), ("kind", kinds), ("verdict", verdicts)) if v}
        chosen = parse_outputs(outputs, format_)
        wanted = Showing(filters, chosen, Verdict(fail_on), exit_zero, everything, color)
        return command(showing=wanted, **others)

    return _with(_SHOWING, collected)


def _with(options: tuple[Callable[[Command], Command], ...], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def _after(sides: dict[str, Path | None]) -> tuple[str, str] | None:
    given = [(name, str(path)) for name, path in sides.items() if path is not None]
    if len(given) > 1:
        raise UsageError(" and ".join(f"--after-{name}" for name, _ in given) + " exclude each other")
    return given[0] if given else None
