# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit audit`: ask the question, write the answers, turn them into an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from auditor.cli.cache import cache_dir, keep
from auditor.cli.options import CACHE, DIRECTORY, FILE, Showing, asking, showing, uncollected
from auditor.errors import UsageError
from auditor.terminal import Progress, printable

if TYPE_CHECKING:
    from auditor.facts.store import Store
    from auditor.model import Asked

T = TypeVar("T")


@click.command("audit", short_help="Audit a kernel tree, or the shipped minikernel.")
@click.argument("tree", type=DIRECTORY, required=False)
@click.option("--build", type=DIRECTORY, help="The build directory (make O=...), where it is not the tree.")
@click.option("--compdb", type=FILE, help="Compile commands, where the build does not have them.")
@click.option("--arch", default="x86_64", show_default=True, help="The architecture to judge for.")
@click.option("--struct", default="pt_regs", show_default=True, help="The struct under audit.")
@asking
@click.option("--jobs", "-j", type=click.IntRange(min=1), help="Parallel processes; one per processor.")
@click.option("--exhaustive", is_flag=True, help="Parse every unit, not only those that can lead to the struct.")
@showing
@click.option("--cache", type=CACHE, help="Where facts and the last report stay.")
@click.option("--no-cache", is_flag=True, help="Read and keep nothing.")
@click.option("--libclang", type=FILE, envvar="PTREGS_LIBCLANG", help="Another libclang than the installed one.")
def audit_command(
    tree: Path | None,
    build: Path | None,
    compdb: Path | None,
    arch: str,
    struct: str,
    asked: Asked,
    jobs: int | None,
    exhaustive: bool,
    showing: Showing,
    cache: Path | None,
    no_cache: bool,
    libclang: Path | None,
) -> int:
    """Audit TREE, a kernel source tree; without TREE the minikernel that is shipped with the tool.

    Every place whose code depends on the struct gets a verdict for every proposal. --path, --kind and --verdict narrow
    the text and the exit code; the other formats stay whole.
    """
    if cache is not None and no_cache:
        raise UsageError("--cache and --no-cache exclude each other")
    kept_in = None if no_cache else cache_dir(cache)
    from auditor.data import minikernel_dir
    from auditor.layouts.proposals import resolve_all

    # Unknown, damaged or indistinguishable proposals are told now and not after the audit, which takes minutes.
    resolve_all(asked.proposals, arch)

    from auditor.audit import run_audit
    from auditor.collect import AuditRequest

    request = AuditRequest(
        tree=tree or minikernel_dir(),
        build=build,
        compdb=compdb,
        arch=arch,
        struct=struct,
        proposals=asked.proposals,
        after=asked.after,
        jobs=jobs or len(os.sched_getaffinity(0)),
        libclang=str(libclang) if libclang else None,
        exhaustive=exhaustive,
        filters=showing.filters,
    )
    started = time.monotonic()
    with uncollected():
        with _store(kept_in, request.libclang) as store:
            report = with_progress(lambda progress: run_audit(request, progress, store))
        code = showing.finish(report, time.monotonic() - started)
        if kept_in is not None and (warning := keep(report, kept_in)):
            click.echo(f"ptregs-audit: warning: {printable(warning)} (--no-cache)", err=True)
    return code


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
