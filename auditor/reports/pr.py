# SPDX-License-Identifier: GPL-2.0-only
"""A comment for a pull request: what is new, who breaks and where. At most MOST lines; one if there is nothing to say.

The whole of it is `markdown`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TextIO

from auditor.model import JudgedSite, Report
from auditor.reports.filters import narrowed
from auditor.reports.findings import Reason, failing, plural, reaching, reasons
from auditor.reports.gated import standing
from auditor.reports.markdown import code, escape
from auditor.reports.view import DEFAULT, View

ROWS = 12
LINES = 6
IGNORES = 5
MOST = 40


def write(report: Report, stream: TextIO, view: View = DEFAULT) -> None:
    stream.writelines(line + "\n" for line in lines(report, view))


def lines(report: Report, view: View) -> Iterator[str]:
    found = failing(report, view.threshold)
    shown = narrowed(report)
    wrong = shown.wrong_ignores
    failed = sum(len(run.coverage.units_failed) for run in report.runs)
    known = standing(reaching(shown.sites, view.threshold), report.comparison is not None)
    target = report.runs[0].target
    subject = f"{code(f'struct {target.struct}')} ({escape(target.arch)})"
    if not (found or wrong or failed):
        yield f"**ptregs-audit**: nothing new in what depends on the layout of {subject}{escape(known)}."
        return
    new = "new " if report.comparison is not None else ""
    breaking = f"{len(found)} {new}{plural(len(found), 'place')}" if found else f"no {new}place"
    yield f"### ptregs-audit: {breaking} to look at"
    yield ""
    yield f"Places whose code depends on the layout of {subject}{escape(known)}."
    if failed:
        yield f"**{failed} {plural(failed, 'unit')} could not be analysed**: findings may be missing."
    if found:
        yield from _table(report, found, view)
    if wrong:
        yield ""
        for w in wrong[:IGNORES]:
            yield f"- {code(f'{w.file}:{w.line}')}: {escape(w.problem)} ignore: {escape(w.why)}"
        if len(wrong) > IGNORES:
            yield f"- and {len(wrong) - IGNORES} more ignores that are wrong"
    yield ""
    yield _rest(found, view)


def _table(report: Report, found: list[JudgedSite], view: View) -> Iterator[str]:
    order = [p.id for p, _ in report.proposals]
    rows: dict[tuple[str, ...], list[tuple[JudgedSite, list[Reason]]]] = {}
    for judged in found:
        site, why = judged.site, reasons(judged, order, view.threshold)
        # What one function does in several places alike is one row.
        alike = (site.file, site.function, site.rule, why[0].verdict.value, *why[0].proposals)
        rows.setdefault(alike, []).append((judged, why))
    yield from ("", "| where | who | proposal | what |", "| --- | --- | --- | --- |")
    shown = list(rows.values())[:ROWS]
    yield from map(_row, shown)
    left = len(found) - sum(map(len, shown))
    if left:
        yield f"| and {left} more | | | |"
    used = {p for _, why in chain.from_iterable(rows.values()) for reason in why for p in reason.proposals}
    titles = [f"{code(p.id)} {escape(p.title)}" for p, _ in report.proposals if p.id in used and p.title]
    if titles:
        yield from ("", f"Proposals: {'; '.join(titles[:ROWS])}.")


def _row(alike: list[tuple[JudgedSite, list[Reason]]]) -> str:
    judged, (first, *others) = alike[0]
    site = judged.site
    lines = list(dict.fromkeys(str(s.site.line) for s, _ in alike if s.site.line))
    where = f"{site.file}:{', '.join(lines[:LINES])}{', ...' if len(lines) > LINES else ''}" if lines else site.file
    who = (code(site.function) if site.function else "-") + f"<br>{escape(site.rule)} {judged.id}"
    # The worst reason says what is wrong; all others stand in the full report.
    more = f" (+{sum(len(o.proposals) for o in others)})" if others else ""
    what = f"**{first.verdict.value}**: {_short(first.why)}"
    return f"| {code(where)} | {who} | {escape(', '.join(first.proposals))}{more} | {what} |"


def _short(text: str, limit: int = 240) -> str:
    return escape(text if len(text) <= limit else f"{text[: limit - 3]}...")


def _rest(found: list[JudgedSite], view: View) -> str:
    explain = f" `ptregs-audit explain {found[0].id}` tells all of one." if found else ""
    if view.url:
        return f"[Full report](<{view.url}>).{explain}"
    return f"Full report: `ptregs-audit audit -o markdown=report.md`.{explain}"
