# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit prove`: verdicts held against the compiler."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from auditor.cli import exits
from auditor.cli.auditing import with_progress
from auditor.cli.cache import LAST, cache_dir
from auditor.cli.explain import SHORTEST_ID
from auditor.cli.outputs import parse_outputs, write_outputs
from auditor.errors import UsageError
from auditor.terminal import printable, use_colour

_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
LISTED = 50


@click.command("prove", short_help="Compile before and after a change, and compare.")
@click.argument("findings", metavar="[FINDING]...", nargs=-1)
@click.option(
    "--file", "files", multiple=True, metavar="GLOB", help="Sites in, or compiled in, files that match; repeatable."
)
@click.option("--all", "everything", is_flag=True, help="All sites.")
@click.option("--proposal", required=True, metavar="ID|FILE", help="The change.")
@click.option("--report", "report_path", type=_FILE, help="A JSON report; the last audit's.")
@click.option("--tree", type=_DIRECTORY, help="The audited tree; that of your last audit.")
@click.option("--build", type=_DIRECTORY, help="The build directory, where it is not the tree.")
@click.option("--compdb", type=_FILE, help="Compile commands, where the build does not have them.")
@click.option("--jobs", "-j", type=click.IntRange(min=1), help="Parallel compilations; one per processor.")
@click.option("--time-limit", default=300, show_default=True, type=click.IntRange(min=1), help="Seconds per run.")
@click.option("--memory-limit", default=4096, show_default=True, type=click.IntRange(min=64), help="MiB per run.")
@click.option("--list", "listed", is_flag=True, help=f"List every site, not only the first {LISTED}.")
@click.option("--output", "-o", "outputs", multiple=True, metavar="FORMAT=PATH", help="Write the report, with proofs.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
              help="Colour the text.")  # fmt: skip
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), help="Where the last report is kept.")
@click.option("--libclang", type=_FILE, envvar="PTREGS_LIBCLANG", help="Another libclang than the installed one.")
def prove_command(
    findings: tuple[str, ...],
    files: tuple[str, ...],
    everything: bool,
    proposal: str,
    report_path: Path | None,
    tree: Path | None,
    build: Path | None,
    compdb: Path | None,
    jobs: int | None,
    time_limit: int,
    memory_limit: int,
    listed: bool,
    outputs: tuple[str, ...],
    color: str,
    cache: Path | None,
    libclang: Path | None,
) -> int:
    """Compile the units of FINDINGs (ids), of --file or --all twice, with and without the change, and compare.

    Runs the compiler that the tree's compile commands name, with their flags, on the tree's sources. Nothing is written
    to the tree or the build. Exit codes: 0 every verdict holds, 1 the compiler contradicts one, 3 a unit could not be
    compiled or compared.
    """
    if everything == bool(findings or files):
        raise UsageError("name findings, or files with --file, or else --all")
    chosen = parse_outputs(outputs, None) if outputs else ()
    path = report_path or cache_dir(cache) / LAST
    if report_path is None and not path.is_file():
        raise UsageError("there is no last report: run an audit first, or give --report")
    from auditor.prove.compile import Limits
    from auditor.prove.run import ProveRequest, find_sites, run_prove
    from auditor.prove.text import lines
    from auditor.reports.read import read

    report = read(path)
    # A report from elsewhere must not choose what is compiled.
    root = tree or (Path(report.runs[0].target.tree) if report_path is None else None)
    if root is None:
        raise UsageError(f"name the tree that {path} is about with --tree")
    sites = find_sites(report, findings, SHORTEST_ID, str(path))
    request = ProveRequest(
        proposal=proposal,
        tree=root,
        build=build,
        compdb=compdb,
        sites=sites,
        files=files,
        jobs=jobs or len(os.sched_getaffinity(0)),
        limits=Limits(time_limit, memory_limit),
        libclang=str(libclang) if libclang else None,
    )
    proved = with_progress(
        lambda progress: run_prove(request, report, lambda t: click.echo(printable(t), err=True), progress)
    )
    if not any(o.path is None for o in chosen):
        colour = use_colour(color, sys.stdout.isatty(), os.environ)
        click.echo("\n".join(lines(proved, colour, None if listed else LISTED)))
    from auditor.reports.view import View

    failures = write_outputs(proved.report, chosen, View())
    for message in failures:
        click.echo(f"ptregs-audit: {printable(message)}", err=True)
    if failures or proved.lost:
        return exits.INCOMPLETE
    return exits.FINDINGS if proved.judged.contradictions else exits.OK
