# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit config`: what an audit would be asked, and where each value comes from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from auditor.cli import exits
from auditor.cli.cache import cache_dir
from auditor.cli.configured import Settled, configured, settle
from auditor.cli.options import BASELINE, CACHE, DIRECTORY, FAIL_ON, FILE, thresholds_of
from auditor.terminal import printable

if TYPE_CHECKING:
    from auditor.config.load import Config


@click.group("config", short_help="Show the configuration, and where each value comes from.", no_args_is_help=False)
def config_group() -> None:
    """Show the configuration, and where each value comes from."""


@config_group.command("show", short_help="List each value and where it comes from.")
@configured
@click.argument("tree", type=DIRECTORY, required=False)
@click.option("--build", type=DIRECTORY, help="As of audit.")
@click.option("--proposal", "proposals", multiple=True, metavar="ID|FILE", help="As of audit.")
@click.option("--path", "paths", multiple=True, metavar="GLOB", help="As of audit.")
@BASELINE
@click.option("--strict", is_flag=True, help="As of audit.")
@FAIL_ON
@click.option("--cache", type=CACHE, help="As of audit.")
@click.option("--libclang", type=FILE, envvar="PTREGS_LIBCLANG", help="As of audit.")
@click.pass_context
def show_command(
    ctx: click.Context, config: Config, tree: Path | None, build: Path | None, proposals: tuple[str, ...],
    paths: tuple[str, ...], baseline: Path | None, strict: bool, fail_on: str | None, cache: Path | None,
    libclang: Path | None,
) -> int:  # fmt: skip
    """List each value that an audit with these options would use, and where it comes from: the default, an option, a
    line of the configuration, or the environment."""
    rows: list[tuple[str, Settled[str]]] = [
        ("configuration", Settled(config.file or "none", "option --config" if ctx.params.get("config") else "found")),
        ("tree", _text(settle(tree, "TREE", config.tree, config, "tree"), "the shipped minikernel")),
        ("build", _text(settle(build, "--build", None if tree else config.build, config, "build"), "the tree")),
        ("proposals", _list(settle(proposals, "--proposal", config.proposals, config, "proposals"), "all shipped")),
        ("paths", _list(settle(paths, "--path", config.paths, config, "paths"), "all")),
        ("baseline", _text(settle(baseline, "--baseline", config.baseline, config, "baseline"), "none")),
        ("strict", _text(settle(strict, "--strict", config.strict, config, "strict"), "no")),
        *_thresholds(fail_on, config),
        ("cache", Settled(str(cache_dir(cache)), _source(ctx, "cache", "XDG_CACHE_HOME"))),
        ("libclang", Settled(str(libclang or "the installed one"), _source(ctx, "libclang", "PTREGS_LIBCLANG"))),
    ]
    if not config.file:
        rows[0] = (
            "configuration",
            Settled("none", "option --no-config" if ctx.params.get("no_config") else "none found"),
        )
    name_width = max(len(name) for name, _ in rows)
    value_width = min(max(len(printable(row.value)) for _, row in rows), 60)
    for name, row in rows:
        click.echo(f"{name:<{name_width}}  {printable(row.value):<{value_width}}  {printable(row.origin)}")
    return exits.OK


def _text(found: Settled[Path | None] | Settled[bool], none: str) -> Settled[str]:
    return Settled("yes" if found.value is True else str(found.value or none), found.origin)


def _list(found: Settled[tuple[str, ...]], none: str) -> Settled[str]:
    return Settled(", ".join(found.value) or none, found.origin)


def _thresholds(fail_on: str | None, config: Config) -> list[tuple[str, Settled[str]]]:
    from auditor.config.load import DEFAULT
    from auditor.gate.thresholds import NEVER

    wanted = thresholds_of(fail_on, config)
    values = {DEFAULT: wanted.default, **dict(sorted(wanted.kinds.items()))}
    rows = []
    for key, value in values.items():
        configured = config.place(f"fail-on.{key}") if key in config.fail_on else "default"
        origin = "option --fail-on" if fail_on else configured
        rows.append((f"fail-on.{key}", Settled(value.value if value else NEVER, origin)))
    return rows


def _source(ctx: click.Context, name: str, variable: str) -> str:
    source = ctx.get_parameter_source(name)
    if source is ParameterSource.COMMANDLINE:
        return f"option --{name}"
    inherited = name == "cache" and os.environ.get(variable)
    return f"environment {variable}" if source is ParameterSource.ENVIRONMENT or inherited else "default"
