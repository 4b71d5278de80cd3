# SPDX-License-Identifier: GPL-2.0-only
"""The options that `audit` and `what-if` share: which changes are judged, and how the report is wanted."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.outputs import Output, parse_outputs, spare, write_outputs
from auditor.errors import UsageError
from auditor.reports.registry import FORMATS
from auditor.terminal import printable, use_colour
from auditor.vocabulary import KINDS, Verdict

if TYPE_CHECKING:
    from auditor.config.load import Config
    from auditor.gate.baseline import Baseline
    from auditor.gate.thresholds import Thresholds
    from auditor.model import Report

DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
CACHE = click.Path(file_okay=False, path_type=Path)
_VERDICTS = [v.value for v in Verdict]

Command = Callable[..., int]

FAIL_ON = click.option("--fail-on", type=click.Choice(_VERDICTS), show_default="break", help="The threshold.")
BASELINE = click.option("--baseline", type=click.Path(path_type=Path), metavar="FILE", help="Findings that are known.")

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
    FAIL_ON,
    BASELINE,
    click.option("--strict", is_flag=True, help="Fail on what is stale in the baseline, too."),
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
    """How the report is wanted, and what of it is known. `inputs`: files that no report may overwrite."""

    filters: dict[str, tuple[str, ...]]
    outputs: tuple[Output, ...]
    thresholds: Thresholds
    baseline: Baseline | None
    strict: bool
    exit_zero: bool
    everything: bool
    color: str
    inputs: tuple[Path, ...] = ()
    url: str = ""

    def check(self, struct: str, arch: str, *inputs: str | Path | None) -> None:
        """Before an audit: UsageError, InputError if the outputs or the baseline do not fit it."""
        spare(self.outputs, (*self.inputs, *(Path(i) for i in inputs if i)))
        if self.baseline is not None:
            from auditor.gate.baseline import check_target

            check_target(self.baseline, struct, arch)

    def gate(self, report: Report) -> Report:
        return gated(report, self.thresholds, self.baseline)

    def finish(self, report: Report, seconds: float) -> int:
        """Writes all outputs of a gated report; the exit code."""
        from auditor.cli import exits
        from auditor.reports.view import View

        view = View(
            threshold=self.thresholds,
            limit=None if self.everything else View().limit,
            colour=use_colour(self.color, sys.stdout.isatty(), os.environ),
            seconds=seconds,
            url=self.url,
        )
        failures = write_outputs(report, self.outputs, view)
        for message in failures:
            click.echo(f"ptregs-audit: {printable(message)}", err=True)
        if failures:
            return exits.INCOMPLETE
        return exits.of_report(report, self.filters, self.thresholds, self.exit_zero, self.strict)


def report_url(env: Mapping[str, str]) -> str:
    """PTREGS_REPORT_URL: where a CI job keeps the full report. UsageError: not the address of a page."""
    url = env.get("PTREGS_REPORT_URL", "")
    if url and not re.fullmatch(r"https?://[^\s<>\"'`|\\\x00-\x1f\x7f-\uffff]{1,2000}", url):
        raise UsageError(f"PTREGS_REPORT_URL: expected https://..., not {url[:100]!r}")
    return url


def gated(report: Report, thresholds: Thresholds, baseline: Baseline | None, unused: bool = True) -> Report:
    """`unused`: ignores without a place are wrong; not where only a part of the tree was looked at."""
    from auditor import arch
    from auditor.gate.gate import gate
    from auditor.judge import rules

    # The ignores of a tree speak of the architecture's struct; an audit of another one says nothing of them.
    own = all(r.target.struct == arch.by_id(r.target.arch).struct for r in report.runs)
    return gate(report, thresholds, rules.by_id(), baseline, unused=unused and own)


def asking(command: Command) -> Command:
    """The command gets `asked`; it has `config`."""

    @functools.wraps(command)
    def collected(
        *, config: Config, proposals: tuple[str, ...], after_header: Path | None, after_btf: Path | None,
        after_tree: Path | None, **others: Any
    ) -> int:  # fmt: skip
        from auditor.model import Asked

        after = _after({"header": after_header, "btf": after_btf, "tree": after_tree})
        # Who asks for one comparison on the command line does not ask for the configured ones, too.
        chosen = proposals or (() if after else config.proposals)
        # As it is, the configured one: where it was named can be told.
        chosen = tuple(dict.fromkeys(chosen)) if proposals else chosen
        return command(config=config, asked=Asked(chosen, after), **others)

    return with_options(_ASKING, collected)


def showing(command: Command) -> Command:
    """The command gets `showing`; it has `config`."""
    return _showing(command, "text")


def showing_as(default: str) -> Callable[[Command], Command]:
    """As `showing`, with this format on stdout where none is asked for."""
    return functools.partial(_showing, default=default)


def _showing(command: Command, default: str) -> Command:

    @functools.wraps(command)
    def collected(
        *, config: Config, paths: tuple[str, ...], kinds: tuple[str, ...], verdicts: tuple[str, ...],
        fail_on: str | None, baseline: Path | None, strict: bool, exit_zero: bool, everything: bool,
        outputs: tuple[str, ...], format_: str | None, color: str, **others: Any
    ) -> int:  # fmt: skip
        found = (("path", paths or config.paths), ("kind", kinds), ("verdict", verdicts))
        known = baseline or config.baseline
        if strict and known is None:
            raise UsageError("--strict: there is no baseline to be strict about; give --baseline FILE")
        wanted = Showing(
            filters={n: v for n, v in found if v},
            outputs=parse_outputs(outputs, format_, default),
            thresholds=thresholds_of(fail_on, config),
            baseline=read_baseline(known) if known else None,
            strict=strict or config.strict,
            exit_zero=exit_zero,
            everything=everything,
            color=color,
            inputs=tuple(Path(p) for p in (known, config.file) if p),
            url=report_url(os.environ),
        )
        return command(config=config, showing=wanted, **others)

    return with_options(_SHOWING, collected)


def thresholds_of(fail_on: str | None, config: Config) -> Thresholds:
    """--fail-on is for all kinds, whatever the configuration says of some."""
    from auditor.gate.thresholds import Thresholds

    return Thresholds(Verdict(fail_on)) if fail_on else config.thresholds


def read_baseline(path: Path) -> Baseline:
    from auditor.errors import InputError
    from auditor.gate.baseline_file import read

    if not os.path.lexists(path):
        raise InputError(str(path), "there is no such baseline", "`ptregs-audit baseline create` makes one")
    return read(str(path))


def with_options(options: tuple[Callable[[Command], Command], ...], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def _after(sides: dict[str, Path | None]) -> tuple[str, str] | None:
    given = [(name, str(path)) for name, path in sides.items() if path is not None]
    if len(given) > 1:
        raise UsageError(" and ".join(f"--after-{name}" for name, _ in given) + " exclude each other")
    return given[0] if given else None
