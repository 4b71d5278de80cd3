# SPDX-License-Identifier: GPL-2.0-only
"""What is audited, and the audit itself: `audit` and `baseline` have it."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from auditor.cli.means import Means, with_means
from auditor.cli.options import DIRECTORY, Command
from auditor.errors import InputError, UsageError
from auditor.terminal import Progress, printable

if TYPE_CHECKING:
    from auditor.config.load import Config
    from auditor.facts.store import Store
    from auditor.model import Asked, Report

T = TypeVar("T")

_TREE = click.argument("tree", type=DIRECTORY, required=False)
_EXHAUSTIVE = click.option(
    "--exhaustive", is_flag=True, help="Parse every unit, not only those that can lead to the struct."
)


@dataclass(frozen=True, slots=True)
class Auditing:
    """`means.tree` None is the shipped minikernel. `proposals_from`: where they were named."""

    means: Means
    exhaustive: bool
    proposals_from: str

    def run(self, asked: Asked, filters: Mapping[str, tuple[str, ...]]) -> Report:
        """The report, not gated. Warnings of the store go to stderr."""
        from auditor.data import minikernel_dir
        from auditor.layouts.proposals import resolve_all

        # Unknown, damaged or indistinguishable proposals are told now and not after the audit, which takes minutes.
        try:
            resolve_all(asked.proposals, self.means.arch)
        except UsageError as e:
            if self.proposals_from:
                raise InputError(self.proposals_from, f"proposals: {e}") from e
            raise

        from auditor.audit import run_audit
        from auditor.collect import AuditRequest

        means = self.means
        request = AuditRequest(
            tree=means.tree or minikernel_dir(),
            build=means.build,
            compdb=means.compdb,
            arch=means.arch,
            struct=means.struct,
            proposals=asked.proposals,
            after=asked.after,
            jobs=means.jobs,
            libclang=means.libclang,
            exhaustive=self.exhaustive,
            filters=filters,
        )
        with _store(means.kept_in, means.libclang) as store:
            return with_progress(lambda progress: run_audit(request, progress, store))


def auditing(command: Command) -> Command:
    """The command gets `auditing`; it has `config` and `asked`."""

    @functools.wraps(command)
    def collected(*, config: Config, asked: Asked, means: Means, exhaustive: bool, **others: Any) -> int:
        named = config.place("proposals") if asked.proposals is config.proposals else ""
        return command(config=config, asked=asked, auditing=Auditing(means, exhaustive, named), **others)

    return _TREE(with_means(_EXHAUSTIVE(collected)))


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
