# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit check`: what Kbuild runs for each source with `make C=2 CHECK="ptregs-audit check"`.

Nearly every unit of a build has nothing to do with the struct: that is found out from its text, and nothing that takes
time to import is imported before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import exits
from auditor.cli.options import BASELINE, FAIL_ON, FILE, gated, read_baseline, thresholds_of
from auditor.errors import IncompleteError, UsageError
from auditor.terminal import printable

if TYPE_CHECKING:
    from auditor.arch import Arch
    from auditor.config.load import Config
    from auditor.gate.thresholds import Thresholds
    from auditor.kernel.checked import Checked
    from auditor.kernel.closure import Leading
    from auditor.model import Report

_OPTION = "PTREGS_CHECK_"


class _Checker(click.Command):
    """Own options may stand anywhere (`CF=` puts them among the compiler's); all others are the compiler's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own, others = split(args, self.params)
        return super().parse_args(ctx, [*own, "--", *others])


def split(words: Sequence[str], params: Sequence[click.Parameter]) -> tuple[list[str], list[str]]:
    """(own options with their values, all else in its order)"""
    from auditor.kernel.recorded import VALUE_OPTIONS

    takes = {o: not getattr(p, "is_flag", False) for p in params for o in p.opts if o.startswith("--")}
    takes["--help"] = False
    own: list[str] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        name, has_value, _ = word.partition("=")
        if name in takes and (takes[name] or not has_value):
            own.append(word)
            if takes[name] and not has_value:
                own += [v for v in [next(rest, None)] if v is not None]
        else:
            others.append(word)
            if word in VALUE_OPTIONS:
                others += [v for v in [next(rest, None)] if v is not None]
    return own, others


@click.command(
    "check",
    cls=_Checker,
    short_help="Check one unit, for `make C=2`.",
    context_settings={"help_option_names": ["--help"]},
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[FLAG]... FILE")
@click.option("--proposal", "proposals", multiple=True, metavar="ID|FILE", envvar=_OPTION + "PROPOSAL",
              help="A change to judge; all shipped ones.")  # fmt: skip
@click.option("--struct", default="pt_regs", show_default=True, envvar=_OPTION + "STRUCT", help="The struct.")
@click.option("--werror", is_flag=True, envvar=_OPTION + "WERROR", help="Exit with 1 for findings: the build stops.")
@BASELINE
@FAIL_ON
@click.option("--no-config", is_flag=True, help="Use no configuration.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", envvar="PTREGS_CONFIG",
              help="Trust this configuration; else the tree's .ptregs-audit.toml.")  # fmt: skip
@click.option("--libclang", type=FILE, envvar="PTREGS_LIBCLANG", help="Another libclang than the installed one.")
def check_command(
    command: tuple[str, ...], proposals: tuple[str, ...], struct: str, werror: bool, baseline: Path | None,
    fail_on: str | None, no_config: bool, config: Path | None, libclang: Path | None,
) -> int:  # fmt: skip
    """Check FILE, compiled with these FLAGs: `make C=2 CHECK="ptregs-audit check"` calls it as it calls sparse.

    Findings go to stderr, one line each. The exit code is 0 unless the command line cannot be used, so that the build
    goes on; with --werror it is 1 for findings, and 3 if the unit could not be analysed. CF="--proposal ID" hands
    options on; the environment has PTREGS_CHECK_PROPOSAL, _STRUCT, _FAIL_ON, _WERROR and PTREGS_CONFIG.
    """
    from auditor.kernel.checked import architecture, checked

    target = architecture(os.environ)
    given = checked(command, Path.cwd(), os.environ, target)
    leading = None if given.other_abi else _leading(given, struct, target)
    if leading is None:
        return exits.OK
    known = _config(given, config, no_config)
    thresholds = thresholds_of(fail_on, known)
    accepted = baseline or known.baseline
    accepting = read_baseline(accepted) if accepted else None

    from auditor.check import run_check
    from auditor.layouts.proposals import resolve_all
    from auditor.model import Asked

    chosen = proposals or known.proposals
    resolve_all(chosen, target.id)
    library = str(libclang) if libclang else None
    try:
        report = run_check(Asked(chosen), given, leading, struct, target, library)
    except IncompleteError as e:
        click.echo(f"ptregs-audit: {printable(str(e))}", err=True)
        return exits.INCOMPLETE if werror else exits.OK
    from auditor.reports.filters import select

    report = select(gated(report, thresholds, accepting, unused=False), {"path": known.paths})
    _say(_as_named(report, given), thresholds)
    return exits.of_report(report, {}, thresholds, exit_zero=not werror)


def _leading(given: Checked, struct: str, arch: Arch) -> Leading | None:
    """What leads from the unit to the struct; None if its text and that of its headers say that nothing does."""
    from auditor.kernel.closure import Closure
    from auditor.kernel.headers import Headers, all_searched
    from auditor.kernel.mentions import Words
    from auditor.leading import names_leading_to, words_of

    units = (given.unit,)
    # Without roots: a walk over the whole tree would take longer than all else.
    headers = Headers(Words(words_of(struct, arch)), (), arch.directory, all_searched(units))
    known = {n.encode() for n in names_leading_to(struct, arch)}
    leading = Closure(headers, units, known).leading
    return leading if leading.objects else None


def _config(given: Checked, named: Path | None, none: bool) -> Config:
    from auditor.config.find import find
    from auditor.config.load import Config, load

    if named is not None and none:
        raise UsageError("--config and --no-config exclude each other")
    # Kbuild works in the object tree, and what configures the check lies with the sources.
    path = named or (None if none else find(given.tree.root))
    return load(path, trusted=named is not None) if path else Config()


def _as_named(report: Report, given: Checked) -> Report:
    """With paths as the compiler would print them: an editor that builds finds the files."""
    if not given.before:
        return report

    def named(file: str) -> str:
        return f"{given.before}{file}" if (given.tree.root / file).is_file() else file

    return replace(
        report,
        sites=tuple(replace(s, site=replace(s.site, file=named(s.site.file))) for s in report.sites),
        wrong_ignores=tuple(replace(w, file=named(w.file)) for w in report.wrong_ignores),
    )


def _say(report: Report, thresholds: Thresholds) -> None:
    from auditor.reports.checkpatch import lines
    from auditor.reports.view import View

    # At once: the checkers of a parallel build share this stream.
    text = "".join(f"{line}\n" for line in lines(report, View(thresholds)))
    if text:
        sys.stderr.write(text)
        sys.stderr.flush()
