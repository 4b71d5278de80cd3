# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit hook`: what pre-commit runs with the names of the staged files."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from auditor.cli import exits
from auditor.cli.changing import Changing, changing, report_change
from auditor.cli.configured import configured
from auditor.cli.options import Showing, asking, showing_as
from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.change.changed import Touched
    from auditor.change.git import Repository
    from auditor.change.versions import Versions
    from auditor.config.load import Config
    from auditor.model import Asked


@click.command("hook", short_help="Check the files of a commit that is being made, for pre-commit.")
@click.argument("files", nargs=-1, type=click.Path(), metavar="FILE...")
@configured
@asking
@changing
@showing_as("checkpatch")
def hook_command(files: tuple[str, ...], config: Config, asked: Asked, changing: Changing, showing: Showing) -> int:
    """Check what is staged of these FILEs against HEAD: what the commit adds or makes worse.

    The staged content counts, whatever the work tree holds. Files that have nothing to do with the struct cost
    nothing. With PRE_COMMIT_FROM_REF and PRE_COMMIT_TO_REF (`pre-commit run --from-ref A --to-ref B`) these versions
    are compared instead.
    """
    top = os.fspath(changing.repository.top)
    # Links in the name of the current directory are followed, the file itself is not.
    here = os.path.realpath(os.getcwd())
    wanted = {os.path.relpath(os.path.normpath(os.path.join(here, f)), top) for f in files}

    def asked_for(file: Touched) -> bool:
        return file.after in wanted or file.before in wanted

    versions = _versions(changing.repository)
    code = report_change(changing, versions, asked, showing, asked_for, silent=True)
    if code == exits.FINDINGS:
        sys.stdout.flush()
        click.echo(
            f"ptregs-audit: {versions.label} adds what is listed above (`ptregs-audit explain RULE` tells more): mend "
            "it, or say why it is right with /* ptregs-audit: ignore[rule] reason */",
            err=True,
        )
    return code


def _versions(repository: Repository) -> Versions:
    from auditor.change import versions

    ends = [os.environ.get(f"PRE_COMMIT_{end}_REF", "") for end in ("FROM", "TO")]
    if not any(ends):
        return versions.staged(repository)
    if not all(ends) or any(".." in end for end in ends):
        raise UsageError("PRE_COMMIT_FROM_REF and PRE_COMMIT_TO_REF: expected two versions, as pre-commit sets them")
    return versions.named(repository, "...".join(ends))
