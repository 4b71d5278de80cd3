# SPDX-License-Identifier: GPL-2.0-only
"""Options that a configuration may set: the command line wins, and where a value came from can be told."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from auditor.errors import UsageError
from auditor.terminal import printable

if TYPE_CHECKING:
    from auditor.config.load import Config

T = TypeVar("T")
Command = Callable[..., int]


@dataclass(frozen=True, slots=True)
class Settled(Generic[T]):
    """A value, and where it came from: "default", "option --x", or the place in a configuration."""

    value: T
    origin: str


def settle(given: T, option: str, configured: T, config: Config, key: str) -> Settled[T]:
    """`given` on the command line, else what the configuration says, else nothing, as both are then."""
    if given:
        return Settled(given, f"option {option}")
    return Settled(configured, config.place(key) if configured else "default")


def configured(command: Command) -> Command:
    """The command gets `config`, which is empty where there is none."""

    @functools.wraps(command)
    def collected(*, config: Path | None, no_config: bool, **others: Any) -> int:
        if config is not None and no_config:
            raise UsageError("--config and --no-config exclude each other")
        return command(config=_config(config, no_config), **others)

    for option in (
        click.option("--no-config", is_flag=True, help="Use no configuration."),
        click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
                     help="Trust this configuration; else the nearest .ptregs-audit.toml is looked for."),
    ):  # fmt: skip
        collected = option(collected)
    return collected


def _config(named: Path | None, none: bool) -> Config:
    from auditor.config.find import find
    from auditor.config.load import Config, load

    path = named or (None if none else find(_here()))
    if path is None:
        return Config()
    config = load(path, trusted=named is not None)
    if named is None:
        # What was found by itself may change the outcome: that is said.
        click.echo(f"ptregs-audit: configured by {printable(str(path))} (--no-config)", err=True)
    return config


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError as e:
        raise UsageError(f"the current directory cannot be read: {e.strerror}; change it, or give --no-config") from e
