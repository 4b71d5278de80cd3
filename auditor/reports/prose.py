# SPDX-License-Identifier: GPL-2.0-only
"""Rules and findings in full sentences, for `explain`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from auditor.judge.rules import Rule
from auditor.model import Effects, JudgedSite, Proposal, Verdict
from auditor.reports.findings import place
from auditor.reports.picture import picture
from auditor.terminal import printable

WIDTH = 100


def rule_lines(rule: Rule) -> Iterator[str]:
    """The whole prose of a rule, and its verdict table."""
    yield f"{rule.id}: {rule.title}"
    for heading, text in (
        ("What it is", rule.what),
        ("Why it matters", rule.why),
        ("Example", rule.example),
        ("What to do", rule.fix),
    ):
        yield from ("", heading)
        yield from _paragraph(text, "  ")
    yield from ("", "Verdicts (the highest that applies; safe when none does)")
    for clause in sorted(rule.clauses, key=lambda c: -c.verdict.rank):
        yield f"  {clause.verdict.value:<11}  when {' and '.join(clause.when) or 'always'}"
        yield from _paragraph(clause.why, " " * 15)
        if clause.fix:
            yield from _paragraph(f"Fix: {clause.fix}", " " * 15)
    if not rule.clauses:
        yield "  safe         always"
    if rule.references:
        yield from ("", "References")
        yield from (f"  {printable(r)}" for r in rule.references)


def finding_lines(
    judged: JudgedSite, title: str, source: Sequence[str], proposals: Sequence[tuple[Proposal, Effects]]
) -> Iterator[str]:
    """One finding: where, the source, each verdict with its reason, and a picture where a proposal is not safe."""
    site = judged.site
    yield printable(f"{judged.id}  {site.rule}" + (f": {title}" if title else ""))
    function = f" in {site.function}" if site.function else ""
    yield printable(f"{place(judged)}{function}")
    facts = [f"{site.evidence} evidence", f"provenance {site.provenance}"]
    facts += [f"bytes {site.bytes[0]}..{site.bytes[1]}"] if site.bytes else []
    facts += [f"members {', '.join(site.fields)}"] if site.fields else []
    facts += [f"{site.uses} uses"] if site.uses > 1 else []
    yield printable(", ".join(facts))
    if found := judged.suppressed:
        where = f" in line {found.line}" if found.line else ""
        author = f" ({found.author})" if found.author else ""
        yield printable(f"suppressed by {found.by}{where}: {found.reason}{author}")
    yield ""
    yield from source
    for related in site.related:
        line = f":{related.line}" if related.line else ""
        yield printable(f"  {related.file}{line}  {related.note}")
    yield from _verdicts(judged, {p.id: e for p, e in proposals})


def _verdicts(judged: JudgedSite, effects: Mapping[str, Effects]) -> Iterator[str]:
    for pid in effects:
        j = judged.verdicts.get(pid)
        if j is None:
            continue
        yield ""
        yield from _paragraph(f"{pid}: {j.verdict.value}. {j.why}", "", "  ")
        if j.fix:
            yield from _paragraph(f"Fix: {j.fix}", "  ")
        if j.verdict is not Verdict.SAFE:
            yield from picture(judged.site, effects[pid], j)


def _paragraph(text: str, indent: str, further: str | None = None) -> list[str]:
    return textwrap.wrap(
        printable(text), WIDTH, initial_indent=indent, subsequent_indent=indent if further is None else further,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
