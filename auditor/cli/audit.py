# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit audit`: ask the question, write the answers, turn them into an exit code."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from auditor.cli.auditing import Auditing, auditing
from auditor.cli.cache import keep
from auditor.cli.configured import configured
from auditor.cli.options import Showing, asking, showing
from auditor.terminal import printable

if TYPE_CHECKING:
    from auditor.config.load import Config
    from auditor.model import Asked


@click.command("audit", short_help="Audit a kernel tree, or the shipped minikernel.")
@configured
@asking
@auditing
@showing
def audit_command(config: Config, asked: Asked, auditing: Auditing, showing: Showing) -> int:
    """Audit TREE, a kernel source tree; without TREE the configured one, or the minikernel that comes with the tool.

    Every place whose code depends on the struct gets a verdict for every proposal. --path, --kind and --verdict narrow
    the text and the exit code; the other formats stay whole.
    """
    means = auditing.means
    made = (p / n for p in (means.tree, means.build) if p for n in ("compile_commands.json", ".config", "vmlinux"))
    showing.check(means.struct, means.arch, means.compdb, asked.after and asked.after[1], *made, *asked.proposals)
    started = time.monotonic()
    report = showing.gate(auditing.run(asked, showing.filters))
    code = showing.finish(report, time.monotonic() - started)
    if means.kept_in is not None and (warning := keep(report, means.kept_in)):
        click.echo(f"ptregs-audit: warning: {printable(warning)} (--no-cache)", err=True)
    return code
