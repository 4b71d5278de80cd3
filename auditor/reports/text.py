# SPDX-License-Identifier: GPL-2.0-only
"""Text for people: the summary on one screen, then causes, sites, what was not looked at, and the answers.

Everything that comes from the tree goes through `printable`. Only what is shown is formatted.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TextIO

from tabulate import tabulate

from auditor import __version__
from auditor.gate.gate import without_suppressed
from auditor.gate.thresholds import Thresholds, thresholds
from auditor.model import JudgedSite, Report, Run, Verdict
from auditor.reports.answers import answers
from auditor.reports.causes import Cause, root_causes
from auditor.reports.coverage import failures, gaps
from auditor.reports.filters import describe, select
from auditor.reports.findings import one_line, place, plural, ranked, reaching, reasons, short_verdicts, worst
from auditor.reports.gated import gate_sections, standing
from auditor.reports.view import DEFAULT, View
from auditor.terminal import printable, styled

CAUSES = 10
REASONS = 10

_COLOURS = {
    Verdict.SAFE: "green",
    Verdict.REBUILD: "green",
    Verdict.REVIEW: "cyan",
    Verdict.BUILD_FAILS: "yellow",
    Verdict.ABI: "red",
    Verdict.BREAK: "red",
}


def write(report: Report, stream: TextIO, view: View = DEFAULT) -> None:
    for line in lines(report, view):
        stream.write(line + "\n")


def lines(report: Report, view: View) -> Iterator[str]:
    filters = report.runs[0].target.filters
    shown = select(report, filters)
    # Whoever asks for verdicts by name wants to see them, below the threshold too.
    lowest = Verdict.SAFE if filters.get("verdict") else view.threshold
    yield from _summary(shown, view)
    left = without_suppressed(shown)
    yield from _causes(left, view, lowest)
    yield from _sites(left, view, lowest)
    yield from _gate(shown, view, lowest)
    yield from _coverage(report, view)
    if not report.change:
        # They speak of a whole tree.
        yield from _answers(report, view, narrowed=shown is not report)


def _heading(text: str, view: View) -> Iterator[str]:
    yield ""
    yield styled(text, "bold", colour=view.colour)


def _summary(report: Report, view: View) -> Iterator[str]:
    for run in report.runs:
        yield from _run(run, view, report.change)
    filters = describe(report.runs[0].target.filters)
    if filters:
        yield f"narrowed by {printable(filters)}"
    yield ""
    summary = report.summary()
    names = [v.value for v in Verdict]
    rows = [[printable(p.id), *(summary[p.id][n] for n in names)] for p, _ in report.proposals]
    yield tabulate(
        rows, headers=["proposal", *names], disable_numparse=True, colalign=("left", *["right"] * len(names))
    )
    yield ""
    found = reaching(report.sites, view.threshold)
    sites = f"{len(report.sites)} {plural(len(report.sites), 'site')}"
    known = standing(found, report.comparison is not None)
    if elsewhere := sum(1 for s in report.sites if s.site.struct_of):
        sites += f" ({elsewhere} on the struct of another architecture)"
    yield f"{sites}; {len(found)} with a verdict of {thresholds(view.threshold)} under some proposal{known}."


def _run(run: Run, view: View, change: str) -> Iterator[str]:
    target, layout, coverage = run.target, run.layout, run.coverage
    what = f"ptregs-audit {__version__}: struct {target.struct}, {target.arch}, {layout.size} bytes"
    yield styled(printable(what), "bold", colour=view.colour)
    where = ", ".join(part for part in (target.tree, target.version, target.config) if part)
    yield printable(where)
    failed = f", {len(coverage.units_failed)} failed" if coverage.units_failed else ""
    seconds = f"; {view.seconds:.1f} s" if view.seconds is not None else ""
    if change:
        units = f"{coverage.units_analysed} of {coverage.units} units parsed in both versions"
        yield f"only what the change adds or makes worse; {units}, all else read by its text{failed}{seconds}"
        return
    as_text = f" ({coverage.mentions_as_text} by their text alone)" if coverage.mentions_as_text else ""
    yield (
        f"{coverage.units_analysed} of {coverage.units} units analysed{failed}; "
        f"{coverage.mentions_covered} of {coverage.mentions} mentions covered{as_text}{seconds}"
    )


def _causes(report: Report, view: View, lowest: Verdict | Thresholds) -> Iterator[str]:
    sections = [(p.id, root_causes(report, p.id, lowest)) for p, _ in report.proposals]
    if not any(causes for _, causes in sections):
        return
    yield from _heading("Root causes", view)
    for pid, causes in sections:
        if not causes:
            continue
        yield f"  {printable(pid)}"
        limit = len(causes) if view.limit is None else CAUSES
        for cause in causes[:limit]:
            yield "    " + _cause(cause, view)
        if len(causes) > limit:
            yield f"    and {len(causes) - limit} more (--all)"


def _cause(cause: Cause, view: View) -> str:
    verdict = styled(f"{cause.worst.value:<11}", _COLOURS[cause.worst], colour=view.colour)
    files = f" in {cause.files} files" if cause.files > 1 else ""
    origin = cause.origin if cause.origin else ("first " if cause.sites > 1 else "") + cause.first
    return f"{verdict} {cause.sites:>5} {plural(cause.sites, 'site')}{files}  {cause.rule}  {printable(origin)}"


def _sites(report: Report, view: View, lowest: Verdict | Thresholds) -> Iterator[str]:
    found = reaching(report.sites, lowest)
    if not found:
        return
    first = ranked(found, view.limit)
    some = f", the first {len(first)} (--all shows every one)" if len(first) < len(found) else ""
    yield from _heading(f"Sites: {len(found)}{some}", view)
    order = [p.id for p, _ in report.proposals]
    for judged in first:
        yield from _site(judged, order, view, lowest)


def _site(judged: JudgedSite, order: list[str], view: View, lowest: Verdict | Thresholds) -> Iterator[str]:
    site = judged.site
    verdict = worst(judged)
    uses = f"  {site.uses} uses" if site.uses > 1 else ""
    yield ""
    head = styled(printable(place(judged)), "bold", colour=view.colour)
    yield f"{head}  {site.rule}  {printable(judged.id)}{uses}"
    yield "  " + styled(printable(short_verdicts(judged, order)), _COLOURS[verdict], colour=view.colour)
    if site.expression:
        yield "  | " + printable(one_line(site.expression, view.width - 4))
    for reason in reasons(judged, order, lowest):
        yield from _wrapped(f"{reason.verdict.value}: {reason.why}", view.width, "  ", "    ")


def _wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        printable(text), width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip


def _gate(report: Report, view: View, lowest: Verdict | Thresholds) -> Iterator[str]:
    for heading, lines in gate_sections(report, lowest, view.limit is None):
        yield from _heading(printable(heading), view)
        limit = len(lines) if view.limit is None else view.limit
        for line in lines[:limit]:
            yield from _wrapped(line, view.width, "  ", "    ")
        if len(lines) > limit:
            yield f"  and {len(lines) - limit} more (--all)"


def _coverage(report: Report, view: View) -> Iterator[str]:
    yield from _heading("Not looked at (it can only add to the numbers above)", view)
    nothing = True
    for run in report.runs:
        rows = [(f"{n} {plural(n, 'unit')} failed", why, file) for why, n, file in failures(run.coverage)]
        rows += [
            (
                f"{g.mentions} {plural(g.mentions, 'mention')}",
                g.why,
                g.first if g.mentions == 1 else f"first {g.first}",
            )
            for g in gaps(run.coverage)
        ]
        limit = len(rows) if view.limit is None else REASONS
        for count, why, where in rows[:limit]:
            nothing = False
            yield f"  {count:>14}  {printable(one_line(why, view.width))}  ({printable(where)})"
        if len(rows) > limit:
            yield f"  and {len(rows) - limit} more reasons (--all)"
    if nothing:
        changed = "every file of the change was read"
        yield f"  nothing: {changed if report.change else 'every mention lies in a unit that was analysed'}"


def _answers(report: Report, view: View, narrowed: bool) -> Iterator[str]:
    yield from _heading("Signals and ptrace, BPF, below the struct", view)
    unseen = sum(len(run.coverage.uncovered) for run in report.runs)
    yield f"  from {len(report.sites)} {plural(len(report.sites), 'site')}; {unseen} mentions were not looked at"
    if narrowed:
        yield "  not answered: the answers need all sites, and filters are set"
        return
    for proposal, _ in report.proposals:
        title = f": {proposal.title}" if proposal.title else ""
        yield "  " + printable(proposal.id + title)
        for asked, answer in answers(report, proposal.id):
            yield from _wrapped(f"{asked}: {answer}", view.width, "    ", "      ")
