# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit audit`: ask the question, write the answers, turn them into an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import exits
from auditor.cli.cache import cache_dir, keep
from auditor.cli.outputs import parse_outputs, write_outputs
from auditor.errors import UsageError
from auditor.model import KINDS, Report, Verdict
from auditor.reports.registry import FORMATS
from auditor.reports.view import View
from auditor.terminal import Progress, printable, use_colour

if TYPE_CHECKING:
    from auditor.facts.store import Store

_VERDICTS = [v.value for v in Verdict]
_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("audit", short_help="Audit a kernel tree, or the shipped minikernel.")
@click.argument("tree", type=_DIRECTORY, required=False)
@click.option("--build", type=_DIRECTORY, help="The build directory (make O=...), where it is not the tree.")
@click.option("--compdb", type=_FILE, help="Compile commands, where the build does not have them.")
@click.option("--arch", default="x86_64", show_default=True, help="The architecture to judge for.")
@click.option("--struct", default="pt_regs", show_default=True, help="The struct under audit.")
@click.option("--proposal", "proposals", multiple=True, metavar="ID|FILE", help="A change to judge; all shipped ones.")
@click.option("--after-header", type=_FILE, help="Compare with the struct in this header.")
@click.option("--after-btf", type=_FILE, help="Compare with the struct in this BTF.")
@click.option("--after-tree", type=_DIRECTORY, help="Compare with the struct in this tree.")
@click.option("--jobs", "-j", type=click.IntRange(min=1), help="Parallel processes; one per processor.")
@click.option("--path", "paths", multiple=True, metavar="GLOB", help="Only files that match, or below a directory.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only this kind of dependence.")
@click.option("--verdict", "verdicts", multiple=True, type=click.Choice(_VERDICTS), help="Only this verdict.")
@click.option("--fail-on", type=click.Choice(_VERDICTS), default="break", show_default=True, help="The threshold.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 in spite of findings.")
@click.option("--all", "everything", is_flag=True, help="List every site, not only the first 50.")
@click.option("--output", "-o", "outputs", multiple=True, metavar="FORMAT=PATH", help="Write a report; - is stdout.")
@click.option("--format", "format_", type=click.Choice(list(FORMATS)), help="Short for -o FORMAT=-.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
              help="Colour the text.")  # fmt: skip
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), help="Where facts and the last report stay.")
@click.option("--no-cache", is_flag=True, help="Read and keep nothing.")
@click.option("--libclang", type=_FILE, envvar="PTREGS_LIBCLANG", help="Another libclang than the installed one.")
def audit_command(
    tree: Path | None,
    build: Path | None,
    compdb: Path | None,
    arch: str,
    struct: str,
    proposals: tuple[str, ...],
    after_header: Path | None,
    after_btf: Path | None,
    after_tree: Path | None,
    jobs: int | None,
    paths: tuple[str, ...],
    kinds: tuple[str, ...],
    verdicts: tuple[str, ...],
    fail_on: str,
    exit_zero: bool,
    everything: bool,
    outputs: tuple[str, ...],
    format_: str | None,
    color: str,
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
    filters = {n: v for n, v in (("path", paths), ("kind", kinds), ("verdict", verdicts)) if v}
    chosen = parse_outputs(outputs, format_)
    kept_in = None if no_cache else cache_dir(cache)
    after = _after({"header": after_header, "btf": after_btf, "tree": after_tree})
    from auditor.data import minikernel_dir
    from auditor.layouts.proposals import resolve_all

    # Unknown, damaged or indistinguishable proposals are told now and not after the audit, which takes minutes.
    resolve_all(proposals, arch)

    from auditor.audit import run_audit
    from auditor.collect import AuditRequest

    request = AuditRequest(
        tree=tree or minikernel_dir(),
        build=build,
        compdb=compdb,
        arch=arch,
        struct=struct,
        proposals=tuple(dict.fromkeys(proposals)),
        after=after,
        jobs=jobs or len(os.sched_getaffinity(0)),
        libclang=str(libclang) if libclang else None,
        exhaustive=False,
        filters=filters,
    )
    started = time.monotonic()
    with _store(kept_in, request.libclang) as store:
        report = _with_progress(lambda progress: run_audit(request, progress, store))
    threshold = Verdict(fail_on)
    view = View(
        threshold=threshold,
        limit=None if everything else View().limit,
        colour=use_colour(color, sys.stdout.isatty(), os.environ),
        seconds=time.monotonic() - started,
    )
    failures = write_outputs(report, chosen, view)
    for message in failures:
        click.echo(f"ptregs-audit: {printable(message)}", err=True)
    if kept_in is not None and (warning := keep(report, kept_in)):
        click.echo(f"ptregs-audit: warning: {printable(warning)} (--no-cache)", err=True)
    return exits.INCOMPLETE if failures else exits.of_report(report, filters, threshold, exit_zero)


@contextlib.contextmanager
def _store(directory: Path | None, libclang: str | None) -> Iterator[Store | None]:
    """What units gave before, kept in the cache directory; its warnings come when the audit is done."""
    if directory is None:
        yield None
        return
    from auditor.facts.store import NAME, open_store

    with open_store(directory / NAME, libclang) as store:
        yield store
    for warning in store.warnings:
        click.echo(f"ptregs-audit: warning: {printable(warning)} (--no-cache)", err=True)


def _after(sides: dict[str, Path | None]) -> tuple[str, str] | None:
    given = [(name, str(path)) for name, path in sides.items() if path is not None]
    if len(given) > 1:
        raise UsageError(" and ".join(f"--after-{name}" for name, _ in given) + " exclude each other")
    return given[0] if given else None


def _with_progress(audit: Callable[[Progress], Report]) -> Report:
    progress = Progress(sys.stderr)
    try:
        return audit(progress)
    finally:
        progress.close()
