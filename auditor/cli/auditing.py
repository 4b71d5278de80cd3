# SPDX-License-Identifier: GPL-2.0-only
"""The options that say what is audited and by which means, and the audit itself: `audit` and `baseline` have them."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from auditor.cli.cache import cache_dir
from auditor.cli.options import CACHE, DIRECTORY, FILE, Command, with_options
from auditor.errors import InputError, UsageError
from auditor.terminal import Progress, printable

if TYPE_CHECKING:
    from auditor.config.load import Config
    from auditor.facts.store import Store
    from auditor.model import Asked, Report

T = TypeVar("T")

OPTIONS = (
    click.option("--build", type=DIRECTORY, help="The build directory (make O=...), where it is not the tree."),
    click.option("--compdb", type=FILE, help="Compile commands, where the build does not have them."),
    click.option("--arch", default="x86_64", show_default=True, help="The architecture to judge for."),
    click.option("--struct", default="pt_regs", show_default=True, help="The struct under audit."),
    click.option("--jobs", "-j", type=click.IntRange(min=1), help="Parallel processes; one per processor."),
    click.option("--cache", type=CACHE, help="Where facts and the last report stay."),
    click.option("--no-cache", is_flag=True, help="Read and keep nothing."),
    click.option("--libclang", type=FILE, envvar="PTREGS_LIBCLANG", help="Another libclang than the installed one."),
)
"""Those that `diff` and `hook` have, too."""
_OPTIONS = (
    click.argument("tree", type=DIRECTORY, required=False),
    *OPTIONS,
    click.option("--exhaustive", is_flag=True, help="Parse every unit, not only those that can lead to the struct."),
)


@dataclass(frozen=True, slots=True)
class Auditing:
    """`tree` None is the shipped minikernel; `kept_in` None keeps nothing. `proposals_from`: where they were named."""

    tree: Path | None
    build: Path | None
    compdb: Path | None
    arch: str
    struct: str
    jobs: int
    exhaustive: bool
    kept_in: Path | None
    libclang: str | None
    proposals_from: str

    def run(self, asked: Asked, filters: Mapping[str, tuple[str, ...]]) -> Report:
        """The report, not gated. Warnings of the store go to stderr."""
        from auditor.data import minikernel_dir
        from auditor.layouts.proposals import resolve_all

        # Unknown, damaged or indistinguishable proposals are told now and not after the audit, which takes minutes.
        try:
            resolve_all(asked.proposals, self.arch)
        except UsageError as e:
            if self.proposals_from:
                raise InputError(self.proposals_from, f"proposals: {e}") from e
            raise

        from auditor.audit import run_audit
        from auditor.collect import AuditRequest

        request = AuditRequest(
            tree=self.tree or minikernel_dir(),
            build=self.build,
            compdb=self.compdb,
            arch=self.arch,
            struct=self.struct,
            proposals=asked.proposals,
            after=asked.after,
            jobs=self.jobs,
            libclang=self.libclang,
            exhaustive=self.exhaustive,
            filters=filters,
        )
        with _store(self.kept_in, self.libclang) as store:
            return with_progress(lambda progress: run_audit(request, progress, store))


def auditing(command: Command) -> Command:
    """The command gets `auditing`; it has `config` and `asked`."""

    @functools.wraps(command)
    def collected(
        *, config: Config, asked: Asked, tree: Path | None, build: Path | None, compdb: Path | None, arch: str,
        struct: str, jobs: int | None, exhaustive: bool, cache: Path | None, no_cache: bool, libclang: Path | None,
        **others: Any
    ) -> int:  # fmt: skip
        if cache is not None and no_cache:
            raise UsageError("--cache and --no-cache exclude each other")
        for key, path in (("tree", config.tree), ("build", config.build)):
            if path is not None and not path.is_dir():
                raise InputError(config.place(key), f"{key}: no such directory: {path}")
        chosen = Auditing(
            tree=tree or config.tree,
            # A tree that is named has a build of its own.
            build=build or (None if tree else config.build),
            compdb=compdb,
            arch=arch,
            struct=struct,
            jobs=jobs or len(os.sched_getaffinity(0)),
            exhaustive=exhaustive,
            kept_in=None if no_cache else cache_dir(cache),
            libclang=str(libclang) if libclang else None,
            proposals_from=config.place("proposals") if asked.proposals is config.proposals else "",
        )
        return command(config=config, asked=asked, auditing=chosen, **others)

    return with_options(_OPTIONS, collected)


@contextlib.contextmanager
def _store(directory: Path | None, libclang: str | None) -> Iterator[Store | None]:
    """What units gave before, kept in the cache directory; its warnings come when the audit is done."""
    if directory is None:
        yield None
        return
    from auditor.facts.database import NAME
    from auditor.facts.store import open_store

    with open_store(directory / NAME, libclang) as store:
        yield store
    for warning in store.warnings:
        click.echo(f"ptregs-audit: warning: {printable(warning)} (--no-cache)", err=True)


def with_progress(audit: Callable[[Progress], T]) -> T:
    progress = Progress(sys.stderr)
    try:
        return audit(progress)
    finally:
        progress.close()
