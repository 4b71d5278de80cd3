# SPDX-License-Identifier: GPL-2.0-only
"""The options that say by which means something is audited: `audit`, `baseline`, `diff` and `hook` have them."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.cache import cache_dir
from auditor.cli.options import CACHE, DIRECTORY, FILE, Command, with_options
from auditor.errors import InputError, UsageError

if TYPE_CHECKING:
    from auditor.config.load import Config

_OPTIONS = (
    click.option("--build", type=DIRECTORY, help="The build directory (make O=...), where it is not the tree."),
    click.option("--compdb", type=FILE, help="Compile commands, where the build does not have them."),
    click.option("--arch", default="x86_64", show_default=True, help="The architecture to judge for."),
    click.option("--struct", default="pt_regs", show_default=True, help="The struct under audit."),
    click.option("--jobs", "-j", type=click.IntRange(min=1), help="Parallel processes; one per processor."),
    click.option("--cache", type=CACHE, help="Where facts and the last report stay."),
    click.option("--no-cache", is_flag=True, help="Read and keep nothing."),
    click.option("--libclang", type=FILE, envvar="PTREGS_LIBCLANG", help="Another libclang than the installed one."),
)


@dataclass(frozen=True, slots=True)
class Means:
    """`tree`, `build`: as they were named or configured. `kept_in` None keeps nothing."""

    tree: Path | None
    build: Path | None
    compdb: Path | None
    arch: str
    struct: str
    jobs: int
    kept_in: Path | None
    libclang: str | None


def with_means(command: Command) -> Command:
    """The command gets `means`; it has `config` and `tree`."""

    @functools.wraps(command)
    def collected(
        *, config: Config, tree: Path | None, build: Path | None, compdb: Path | None, arch: str, struct: str,
        jobs: int | None, cache: Path | None, no_cache: bool, libclang: Path | None, **others: Any
    ) -> int:  # fmt: skip
        if cache is not None and no_cache:
            raise UsageError("--cache and --no-cache exclude each other")
        for key, path in (("tree", config.tree), ("build", config.build)):
            if path is not None and not path.is_dir():
                raise InputError(config.place(key), f"{key}: no such directory: {path}")
        means = Means(
            tree=tree or config.tree,
            # A tree that is named has a build of its own.
            build=build or (None if tree else config.build),
            compdb=compdb,
            arch=arch,
            struct=struct,
            jobs=jobs or len(os.sched_getaffinity(0)),
            kept_in=None if no_cache else cache_dir(cache),
            libclang=str(libclang) if libclang else None,
        )
        return command(config=config, means=means, **others)

    return with_options(_OPTIONS, collected)
