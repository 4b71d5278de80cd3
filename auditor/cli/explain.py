# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit explain`: a rule in full, or one finding with its source and a picture of the bytes."""

from __future__ import annotations

from pathlib import Path

import click

from auditor.cli.cache import LAST, cache_dir
from auditor.cli.rules import kind_lines
from auditor.errors import InputError, UsageError
from auditor.judge import rules
from auditor.model import KINDS, JudgedSite, Report
from auditor.reports.excerpt import excerpt
from auditor.reports.prose import finding_lines, rule_lines
from auditor.reports.read import read

SHORTEST_ID = 4


@click.command("explain", short_help="Explain a rule, or a finding of the last report.")
@click.argument("what", metavar="RULE|ID")
@click.option("--report", "report_path", type=click.Path(path_type=Path), help="A JSON report; the last audit's.")
@click.option("--tree", type=click.Path(exists=True, file_okay=False, path_type=Path), help="The audited tree.")
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), help="Where the last report is kept.")
def explain_command(what: str, report_path: Path | None, tree: Path | None, cache: Path | None) -> None:
    """Explain a rule (raw-offset/constant), a kind (raw-offset), or the finding with this id.

    Source lines come from the tree of your last audit. With --report they are shown only if --tree names the tree: a
    report from elsewhere must not choose which of your files are printed.
    """
    if "/" in what:
        lines = list(rule_lines(rules.get(what)))
    elif what in KINDS:
        lines = kind_lines(what)
    else:
        lines = _finding(what, report_path, tree, cache)
    click.echo("\n".join(lines))


def _finding(what: str, report_path: Path | None, tree: Path | None, cache: Path | None) -> list[str]:
    path = report_path or cache_dir(cache) / LAST
    if report_path is None and not path.is_file():
        raise UsageError(f"{what!r} is not a rule, and there is no last report to find it in: run an audit first")
    report = read(path)
    judged = _find(report, what, path)
    run = next(r for r in report.runs if r.id == judged.run)
    root = tree or (Path(run.target.tree) if report_path is None else None)
    known = rules.by_id().get(judged.site.rule)
    return list(finding_lines(judged, known.title if known else "", _source(judged, root), report.proposals))


def _find(report: Report, what: str, path: Path) -> JudgedSite:
    exact = [s for s in report.sites if s.id == what]
    found = exact or [s for s in report.sites if len(what) >= SHORTEST_ID and s.id.startswith(what)]
    if not found:
        raise UsageError(f"{what!r} is neither a rule nor the id of a finding in {path}")
    if len(found) > 1:
        raise UsageError(f"{what!r} stands for {len(found)} findings in {path}: give more of the id")
    return found[0]


def _source(judged: JudgedSite, root: Path | None) -> list[str]:
    site = judged.site
    if root is None:
        return ["  (source not shown: name the tree with --tree)"]
    if not site.line:
        return []
    try:
        return excerpt(root, site.file, site.line, site.end_line)
    except InputError as e:
        # The verdicts are worth reading without the source.
        return [f"  (source not shown: {e})"]
