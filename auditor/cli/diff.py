# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit diff`: what a change adds to, or makes worse in, what depends on the struct."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from auditor.cli.changing import Changing, changing, report_change
from auditor.cli.configured import configured
from auditor.cli.options import Showing, asking, showing
from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.config.load import Config
    from auditor.model import Asked


@click.command("diff", short_help="Audit a change: report what it adds or makes worse.")
@click.argument("range_", metavar="[BASE..HEAD]", required=False)
@click.option("--staged", is_flag=True, help="What is staged, against HEAD.")
@configured
@asking
@changing
@showing
def diff_command(
    range_: str | None, staged: bool, config: Config, asked: Asked, changing: Changing, showing: Showing
) -> int:
    """Audit what changed between BASE and HEAD, and report only what the change adds or makes worse.

    BASE..HEAD compares two versions, BASE...HEAD what HEAD adds to the merge base, and one commit is compared with its
    parent. Everything is read from git's objects: the work tree may be anything.
    """
    from auditor.change import versions

    if staged == (range_ is not None):
        raise UsageError("name the change: BASE..HEAD, BASE...HEAD, one commit, or --staged")
    repository = changing.repository
    compared = versions.staged(repository) if range_ is None else versions.named(repository, range_)
    return report_change(changing, compared, asked, showing)
