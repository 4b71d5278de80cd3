# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit what-if`: the questions of `audit`, answered from what the last audit found."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli.cache import cache_dir
from auditor.cli.configured import configured
from auditor.cli.options import CACHE, Showing, asking, showing
from auditor.errors import UsageError
from auditor.terminal import printable

if TYPE_CHECKING:
    from auditor.config.load import Config
    from auditor.facts.runs import Told
    from auditor.model import Asked, Facts

_AUDIT = "run `ptregs-audit audit` first"
_ANYWHERE = click.Path(path_type=Path)


@click.command("what-if", short_help="Judge other changes from the facts of the last audit.")
@click.argument("tree", type=_ANYWHERE, required=False)
@click.option("--build", type=_ANYWHERE, help="The audit that had this build directory.")
@configured
@asking
@showing
@click.option("--cache", type=CACHE, help="Where the audit left its facts.")
def what_if_command(
    tree: Path | None, build: Path | None, config: Config, asked: Asked, showing: Showing, cache: Path | None
) -> int:
    """Judge changes from the facts of the last audit, of TREE if it is named, without reading any of its files.

    The report is the one that `audit` would give for the tree as it was then; the tree need not be there any more.
    """
    started = time.monotonic()
    # A tree that is named is another question than the configured one, with a build of its own.
    build = build or (None if tree else config.build)
    told, facts = _last(cache_dir(cache), tree or config.tree, build)
    showing.check(told.target.struct, told.target.arch, asked.after and asked.after[1], *asked.proposals)
    from auditor.answer import answer

    report = answer(facts, replace(told.target, filters=showing.filters), asked)
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(told.when))
    click.echo(f"ptregs-audit: from the audit of {printable(told.target.tree)} on {when}", err=True)
    return showing.finish(showing.gate(report), time.monotonic() - started)


def _last(directory: Path, tree: Path | None, build: Path | None) -> tuple[Told, Facts]:
    from auditor.facts.database import NAME, Database
    from auditor.facts.runs import Runs
    from auditor.facts.version import code_version

    path = directory / NAME
    if not path.exists():
        raise UsageError(f"no audit is kept in {directory}: {_AUDIT}")
    database = Database(path, write=False)
    try:
        runs = Runs(database, code_version())
        found = runs.last(_resolved(tree), _resolved(build))
        if found is not None:
            return found
        if database.warnings:
            raise UsageError(f"{database.warnings[0]}: {_AUDIT}")
        known = runs.trees()
        if known:
            which = f"{tree or 'that'}" + (f" with the build {build}" if build else "")
            raise UsageError(f"no audit of {which} is kept in {directory}, only of {', '.join(known)}: {_AUDIT}")
        why = "another version of the tool left its facts" if runs.others() else "no audit is kept"
        raise UsageError(f"{why} in {directory}: {_AUDIT}")
    finally:
        database.close()


def _resolved(path: Path | None) -> str | None:
    return os.path.realpath(path) if path is not None else None
