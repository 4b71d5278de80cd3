# SPDX-License-Identifier: GPL-2.0-only
"""Markdown for merge requests and mails: the same content as text, whole or the first rows of each list.

What comes from the tree stands in <code> and is escaped into character references, so that it can neither end its
table cell nor become markup, a link or a mention.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from auditor import __version__
from auditor.gate.gate import without_suppressed
from auditor.gate.thresholds import Thresholds, thresholds
from auditor.model import JudgedSite, Report, Run, Verdict
from auditor.reports.answers import answers
from auditor.reports.causes import root_causes
from auditor.reports.coverage import failures, gaps
from auditor.reports.filters import describe
from auditor.reports.findings import one_line, place, ranked, reaching, reasons, short_verdicts
from auditor.reports.gated import gate_sections, standing
from auditor.reports.view import DEFAULT, View
from auditor.terminal import printable

EXPRESSION = 160

_MARKUP = re.compile(r"[\\`*_{}\[\]<>|&~#@!$]|(?<=:)//|(?<=www)\.")


def write(report: Report, stream: TextIO, view: View = DEFAULT) -> None:
    for line in lines(report, view):
        stream.write(line + "\n")


def escape(text: str) -> str:
    """One line of plain text to Markdown, inside a table cell too."""
    return _MARKUP.sub(lambda m: "".join(f"&#{ord(c)};" for c in m[0]), printable(text))


def code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def lines(report: Report, view: View) -> Iterator[str]:
    yield f"# ABI audit of {code('struct ' + report.runs[0].target.struct)}"
    for run in report.runs:
        yield from _run(run, view)
    filters = describe(report.runs[0].target.filters)
    if filters:
        yield from ("", f"The command line was narrowed by {code(filters)}; this report is whole.")
    summary = report.summary()
    yield from ("", "## Summary", "")
    rows = ([code(p.id), *(str(summary[p.id][v.value]) for v in Verdict)] for p, _ in report.proposals)
    yield from _table(["proposal", *(v.value for v in Verdict)], rows)
    known = standing(reaching(report.sites, view.threshold), report.comparison is not None)
    if known:
        yield from ("", f"Sites with a verdict of {escape(str(thresholds(view.threshold)))}{known}.")
    left = without_suppressed(report)
    yield from _causes(left, view)
    yield from _sites(left, view)
    for heading, notes in gate_sections(report, view.threshold, view.limit is None):
        yield from ("", f"## {escape(heading)}", "")
        yield from (f"- {escape(note)}" for note in notes)
    yield from _coverage(report)
    unseen = sum(len(run.coverage.uncovered) for run in report.runs)
    yield from ("", "## Signals and ptrace, BPF, below the struct", "")
    yield f"From {len(report.sites)} sites; {unseen} mentions were not looked at."
    for proposal, _ in report.proposals:
        yield from ("", f"**{escape(proposal.id)}** {escape(proposal.title)}".rstrip(), "")
        for asked, answer in answers(report, proposal.id):
            yield f"- {escape(asked)}: {escape(answer)}"


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(headers) + " |"
    yield "| " + " | ".join("---" for _ in headers) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _run(run: Run, view: View) -> Iterator[str]:
    coverage = run.coverage
    where = ", ".join(p for p in (run.target.tree, run.target.version, run.target.arch, run.target.config) if p)
    seconds = f" {view.seconds:.1f} s." if view.seconds is not None else ""
    yield ""
    yield (
        f"{code(where)}: {run.layout.size} bytes. {coverage.units_analysed} of {coverage.units} units analysed, "
        f"{len(coverage.units_failed)} failed; {coverage.mentions_covered} of {coverage.mentions} mentions covered."
        f"{seconds} ptregs-audit {__version__}."
    )


def _causes(report: Report, view: View) -> Iterator[str]:
    rows = []
    for proposal, _ in report.proposals:
        causes = root_causes(report, proposal.id, view.threshold)
        for c in causes if view.limit is None else causes[: view.limit]:
            where = code(c.origin or c.first)
            rows.append([code(proposal.id), c.worst.value, str(c.sites), str(c.files), code(c.rule), where])
    if rows:
        yield from ("", "## Root causes", "")
        yield from _table(["proposal", "worst", "sites", "files", "rule", "from"], rows)


def _sites(report: Report, view: View) -> Iterator[str]:
    found = reaching(report.sites, view.threshold)
    if not found:
        return
    first = ranked(found, view.limit)
    some = f", the first {len(first)}" if len(first) < len(found) else ""
    yield from ("", f"## Sites: {len(found)}{some}", "")
    order = [p.id for p, _ in report.proposals]
    rows = (_site(judged, order, view.threshold) for judged in first)
    yield from _table(["place", "rule", "verdicts", "expression", "why"], rows)


def _site(judged: JudgedSite, order: Sequence[str], lowest: Verdict | Thresholds) -> list[str]:
    why = "<br>".join(f"{r.verdict.value}: {escape(r.why)}" for r in reasons(judged, order, lowest))
    uses = f" ({judged.site.uses} uses)" if judged.site.uses > 1 else ""
    return [
        code(place(judged)) + f"<br>{escape(judged.id)}",
        code(judged.site.rule),
        escape(short_verdicts(judged, order)),
        code(one_line(judged.site.expression, EXPRESSION)) + uses,
        why,
    ]


def _coverage(report: Report) -> Iterator[str]:
    rows = []
    for run in report.runs:
        rows += [[str(n), "unit failed", escape(why), code(file)] for why, n, file in failures(run.coverage)]
        rows += [[str(g.mentions), "mention", escape(g.why), code(g.first)] for g in gaps(run.coverage)]
    yield from ("", "## Not looked at", "")
    if rows:
        yield from _table(["count", "what", "why", "first"], rows)
    else:
        yield "Nothing: every mention lies in a unit that was analysed."
