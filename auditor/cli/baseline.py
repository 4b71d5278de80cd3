# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit baseline`: the findings that are known and accepted, made, kept up to date, and shown."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import exits
from auditor.cli.auditing import Auditing, auditing
from auditor.cli.configured import configured
from auditor.cli.options import (
    BASELINE,
    FAIL_ON,
    Command,
    asking,
    gated,
    read_baseline,
    thresholds_of,
    with_options,
)
from auditor.cli.outputs import replacing
from auditor.errors import IncompleteError, UsageError
from auditor.terminal import printable

if TYPE_CHECKING:
    from auditor.config.load import Config
    from auditor.gate.baseline import Baseline, Updated
    from auditor.gate.thresholds import Thresholds
    from auditor.model import Asked, Report

_ACCEPTING = (
    BASELINE,
    FAIL_ON,
    click.option("--reason", default="", metavar="TEXT", help="Why the new findings are accepted."),
    click.option("--author", default="", metavar="NAME", help="Who accepts them; git's user.name and user.email."),
)
MAX_REASON = 1000
"""Characters."""


@dataclass(frozen=True, slots=True)
class Accepting:
    """`file`: of the baseline; `reason`, `author`: of what is new, empty where they are not given."""

    file: Path
    thresholds: Thresholds
    reason: str
    author: str


def accepting(command: Command) -> Command:
    """The command gets `accepting`; it has `config`."""

    @functools.wraps(command)
    def collected(
        *, config: Config, baseline: Path | None, fail_on: str | None, reason: str, author: str, **others: Any
    ) -> int:
        if len(reason) > MAX_REASON:
            raise UsageError(f"--reason is longer than {MAX_REASON} characters: say it in a few words")
        chosen = Accepting(_named(baseline, config), thresholds_of(fail_on, config), _line(reason), _line(author))
        return command(accepting=chosen, **others)

    return with_options(_ACCEPTING, collected)


@click.group("baseline", short_help="Accept known findings, each with a reason.", no_args_is_help=False)
def baseline_group() -> None:
    """Accept known findings, each with a reason; `audit --baseline FILE` then fails on new ones only."""


@baseline_group.command("create", short_help="Accept all findings of today.")
@configured
@asking
@auditing
@accepting
@click.option("--force", is_flag=True, help="Replace the file if there is one.")
def create_command(asked: Asked, auditing: Auditing, accepting: Accepting, force: bool) -> int:
    """Audit TREE as `audit` does, and write all findings to the baseline, except those that the source ignores.

    An entry is one place under one proposal. A file that is there is not replaced without --force.
    """
    from auditor.gate.baseline import Baseline

    path = accepting.file
    if os.path.lexists(path) and not force:
        raise UsageError(f"{path} is there already: `baseline update` changes it, and --force replaces it")
    if os.path.isdir(path) or not os.path.isdir(path.absolute().parent):
        raise UsageError(f"{path} is a directory, or lies in none")
    if not accepting.reason:
        raise UsageError("a baseline says why its findings are accepted: give --reason TEXT")
    empty = Baseline(str(path), auditing.means.struct, auditing.means.arch, (), ())
    return _update(empty, asked, auditing, replace(accepting, author=accepting.author or _author()))


@baseline_group.command("update", short_help="Add what is new, drop what is fixed or gone.")
@configured
@asking
@auditing
@accepting
def update_command(asked: Asked, auditing: Auditing, accepting: Accepting) -> int:
    """Audit TREE as `audit` does, and bring the baseline up to date.

    What stays keeps its reason and its author. What is new, or worse than it was, gets these. What is fixed, stale, or
    ignored in the source is dropped. Entries of proposals that are not judged are left alone.
    """
    from auditor.gate.baseline import check_target

    old = read_baseline(accepting.file)
    check_target(old, auditing.means.struct, auditing.means.arch)
    return _update(old, asked, auditing, accepting)


@baseline_group.command("show", short_help="List what a baseline accepts.")
@configured
@BASELINE
def show_command(config: Config, baseline: Path | None) -> int:
    """List what a baseline accepts, and why. Reads no tree."""
    from auditor.reports.baseline import lines

    for line in lines(read_baseline(_named(baseline, config))):
        click.echo(line)
    return exits.OK


def _named(baseline: Path | None, config: Config) -> Path:
    path = baseline or config.baseline
    if path is None:
        raise UsageError("no baseline is named: give --baseline FILE, or set `baseline` in a configuration")
    return path


def _line(text: str) -> str:
    return " ".join(text.split())


def _update(old: Baseline, asked: Asked, auditing: Auditing, accepting: Accepting) -> int:
    from auditor.gate.baseline import updated
    from auditor.reports.findings import plural

    thresholds, reason = accepting.thresholds, accepting.reason
    report = gated(auditing.run(asked, {}), thresholds, None)
    whole = not any(run.coverage.units_failed for run in report.runs)
    signed = updated(report, thresholds, old, reason, accepting.author, whole)
    if signed.added and not reason:
        new = f"{signed.added} new {plural(signed.added, 'finding')}"
        raise UsageError(f"{new} to accept, and no reason: give --reason TEXT; nothing was changed")
    if signed.added and not accepting.author:
        signed = updated(report, thresholds, old, reason, _author(), whole)
    _write(signed.baseline)
    click.echo(printable(f"{old.file}: {_said(signed)}"))
    return exits.OK if whole else _incomplete(report)


def _said(made: Updated) -> str:
    from auditor.reports.findings import plural

    total = len(made.baseline.entries)
    dropped = [
        f"{n} {why}" for n, why in ((made.fixed, "fixed"), (made.stale, "stale"), (made.ignored, "ignored")) if n
    ]
    said = f"{total} {plural(total, 'finding')}: {made.added} added, {made.kept} kept"
    return f"{said}, dropped: {', '.join(dropped)}" if dropped else said


def _incomplete(report: Report) -> int:
    from auditor.reports.findings import plural

    failed = sum(len(run.coverage.units_failed) for run in report.runs)
    units = f"{failed} {plural(failed, 'unit')}"
    what = f"{units} could not be analysed: findings may be missing, and nothing was dropped as stale"
    click.echo(f"ptregs-audit: {what}", err=True)
    return exits.INCOMPLETE


def _write(baseline: Baseline) -> None:
    from auditor.gate.baseline_file import chunks

    try:
        with replacing(Path(baseline.file)) as stream:
            stream.writelines(chunks(baseline))
    except OSError as e:
        raise IncompleteError(f"{baseline.file}: not written: {e.strerror or e}") from e


def _author() -> str:
    """Who git would say it is. None is invented."""
    import subprocess

    found = []
    for key in ("user.name", "user.email"):
        try:
            done = subprocess.run(
                ["git", "config", "--get", key], capture_output=True, text=True, errors="replace", check=False,
                timeout=10, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            break
        found.append(_line(done.stdout))
    name, email = (*found, "", "")[:2]
    if not name:
        raise UsageError("nobody accepts the findings: give --author NAME, or set git's user.name")
    return f"{name} <{email}>" if email else name
