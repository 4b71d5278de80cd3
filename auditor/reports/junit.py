# SPDX-License-Identifier: GPL-2.0-only
"""JUnit XML, as Jenkins and GitLab read it: a suite for each proposal, in which each place of the tree is a test.

A place that fails the gate is a failure, one that is ignored or in the baseline is skipped. A unit that could not be
analysed is an error: a report that is not whole never looks like a clean one. Names hold no line, so that the history
of a test goes on when lines move.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr

from auditor.gate.baseline import UNCHANGED
from auditor.gate.thresholds import Thresholds, thresholds
from auditor.model import JudgedSite, Judgement, Report
from auditor.reports.filters import narrowed
from auditor.reports.findings import place
from auditor.reports.view import DEFAULT, View
from auditor.terminal import printable


@dataclass(frozen=True, slots=True)
class _Case:
    """`outcome`: failure, error, skipped, or nothing for a test that passes."""

    classname: str
    name: str
    outcome: str = ""
    type: str = ""
    message: str = ""
    text: str = ""


def write(report: Report, stream: TextIO, view: View = DEFAULT) -> None:
    stream.writelines(line + "\n" for line in _lines(narrowed(report), thresholds(view.threshold)))


def _lines(report: Report, lowest: Thresholds) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<testsuites name="ptregs-audit">'
    many = len(report.runs) > 1
    for run in report.runs:
        # Two runs of one proposal are two suites.
        before = f"{run.target.struct} {run.target.config or run.id}: " if many else ""
        sites = [s for s in report.sites if s.run == run.id]
        for proposal, _ in report.proposals:
            judged = ((s, s.verdicts[proposal.id]) for s in sites if proposal.id in s.verdicts)
            yield from _suite(before + proposal.id, [_case(s, j, proposal.id, lowest) for s, j in judged])
        failed = run.coverage.units_failed
        units = (_Case(f.file, f.object or f.file, "error", "not analysed", f.why) for f in failed)
        yield from _suite(f"{before}units", units)
    yield from _suite("ignores", _ignores(report))
    yield "</testsuites>"


def _case(judged: JudgedSite, j: Judgement, proposal: str, lowest: Thresholds) -> _Case:
    site = judged.site
    function = f" in {site.function}" if site.function else ""
    name = f"{site.rule}{function} [{judged.id}]"
    if not lowest.reached(site.kind, j.verdict):
        return _Case(site.file, name)
    found = judged.suppressed
    if found is not None or judged.baseline.get(proposal) == UNCHANGED:
        # What has another, new finding is not suppressed as a whole.
        said = f"{found.by}: {found.reason}" if found is not None else "in the baseline"
        return _Case(site.file, name, "skipped", "", said)
    text = "\n".join(filter(None, (place(judged), site.expression, j.fix and f"Fix: {j.fix}")))
    return _Case(site.file, name, "failure", j.verdict.value, f"{place(judged)}: {j.why}", text)


def _ignores(report: Report) -> Iterator[_Case]:
    equals: dict[tuple[str, str], int] = {}
    for wrong in report.wrong_ignores:
        name = f"{wrong.problem} ignore of {wrong.rule}" if wrong.rule else f"{wrong.problem} ignore"
        equals[wrong.file, name] = number = equals.get((wrong.file, name), 0) + 1
        told = f"{wrong.file}:{wrong.line}: {wrong.why}"
        yield _Case(wrong.file, name if number == 1 else f"{name} [{number}]", "failure", wrong.problem, told)


def _suite(name: str, found: Iterable[_Case]) -> Iterator[str]:
    cases = sorted(found, key=lambda c: (c.classname, c.name))
    if not cases:
        return
    of = {kind: sum(c.outcome == kind for c in cases) for kind in ("failure", "error", "skipped")}
    counts = f'tests="{len(cases)}" failures="{of["failure"]}" errors="{of["error"]}" skipped="{of["skipped"]}"'
    yield f"<testsuite name={_attribute(name)} {counts}>"
    for case in cases:
        head = f"<testcase classname={_attribute(case.classname)} name={_attribute(case.name)}"
        if not case.outcome:
            yield f"{head}/>"
            continue
        type_ = f" type={_attribute(case.type)}" if case.type else ""
        body = "\n".join(escape(_legal(line)) for line in case.text.split("\n")) if case.text else ""
        outcome = f"<{case.outcome}{type_} message={_attribute(case.message)}"
        yield f"{head}>{outcome}>{body}</{case.outcome}></testcase>" if body else f"{head}>{outcome}/></testcase>"
    yield "</testsuite>"


def _attribute(text: str) -> str:
    return quoteattr(_legal(text))


def _legal(text: str) -> str:
    """One line without the characters that XML 1.0 does not have, not even escaped."""
    return printable(text).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
