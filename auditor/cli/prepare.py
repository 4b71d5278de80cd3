# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit prepare`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("prepare")
@click.argument("tree", type=click.Path(path_type=Path))
@click.option("--build", required=True, type=click.Path(path_type=Path), help="Build directory; made if missing.")
@click.option("--config", required=True, help="A configuration target (x86_64_defconfig) or a .config file.")
@click.option("--arch", "arch_id", default="x86_64", show_default=True, help="Architecture of the build.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(min=1), help="Parallel jobs of make.")
@click.option("--in-tree", is_flag=True, help="Allow --build to be the source tree itself.")
def prepare_command(tree: Path, build: Path, config: str, arch_id: str, jobs: int, in_tree: bool) -> None:
    """Make a build directory that `audit` can use, without compiling the kernel.

    Runs the makefiles of TREE: configure, `make prepare`, a dry run that is saved as ptregs-commands.json, and then the
    few units that include what only their own compilation generates.
    """
    from auditor.arch import by_id
    from auditor.kernel.prepare import prepare
    from auditor.kernel.tree import open_tree

    found = prepare(
        open_tree(tree), build, config, by_id(arch_id), jobs, lambda text: click.echo(text, err=True), in_tree
    )
    click.echo(str(found.directory))
