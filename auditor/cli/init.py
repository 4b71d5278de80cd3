# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit init`: files to begin with, a configuration, a pre-commit hook and CI jobs. It asks nothing."""

from __future__ import annotations

import os
from pathlib import Path

import click

from auditor.cli import exits
from auditor.cli.outputs import replacing
from auditor.errors import InputError, UsageError
from auditor.terminal import printable

FILES = {
    "config": (".ptregs-audit.toml", "config.toml"),
    "pre_commit": (".pre-commit-config.yaml", "pre-commit.yaml"),
    "github": (".github/workflows/ptregs-audit.yml", "github.yml"),
    "gitlab": (".gitlab/ptregs-audit.yml", "gitlab.yml"),
}
"""{option: (where it is written, its template)}"""


@click.command("init", short_help="Write a configuration, a hook and CI files.")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
@click.option("--config", is_flag=True, help="Write .ptregs-audit.toml.")
@click.option("--pre-commit", is_flag=True, help="Write .pre-commit-config.yaml.")
@click.option("--github", is_flag=True, help="Write .github/workflows/ptregs-audit.yml.")
@click.option("--gitlab", is_flag=True, help="Write .gitlab/ptregs-audit.yml.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("--dry-run", is_flag=True, help="Print what would be written, and write nothing.")
def init_command(
    directory: Path, config: bool, pre_commit: bool, github: bool, gitlab: bool, force: bool, dry_run: bool
) -> int:
    """Write files to begin with to DIRECTORY, the root of a kernel's repository: those that are selected, or all.

    If one of them is there already nothing is written; --force replaces it, --dry-run shows what to add to it by hand.
    """
    from auditor.templates import text

    selected = {"config": config, "pre_commit": pre_commit, "github": github, "gitlab": gitlab}
    chosen = [k for k in FILES if selected[k]] or list(FILES)
    files = {directory / FILES[k][0]: text(FILES[k][1]) for k in chosen}
    if dry_run:
        for path, content in files.items():
            click.echo(f"# {printable(str(path))}\n{content}")
        return exits.OK
    _check(directory, files, force)
    for path, content in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as stream:
                stream.write(content)
        except OSError as e:
            raise InputError(str(path), f"not written: {e.strerror or e}", "name a directory that can be") from e
        click.echo(f"wrote {printable(str(path))}")
    return exits.OK


def _check(directory: Path, files: dict[Path, str], force: bool) -> None:
    """Before the first file is written: UsageError if one is in the way, or would be written elsewhere."""
    root = os.path.realpath(directory)
    there = [str(p) for p in files if os.path.lexists(p)]
    if there and not force:
        shown = ", ".join(there)
        raise UsageError(f"{shown}: there already: --force replaces, --dry-run shows what to add; nothing was written")
    for path in files:
        if path.is_dir():
            raise UsageError(f"{path} is a directory, where a file was to be written")
        if not Path(os.path.realpath(path)).is_relative_to(root):
            raise UsageError(f"{path} is a link that leads out of {directory}: remove it, or name another directory")
