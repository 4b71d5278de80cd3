# SPDX-License-Identifier: GPL-2.0-only
"""One line for each finding, as `checkpatch.pl --terse --showfile --show-types` writes them: editors jump to them.

`file:line: WARNING:TYPE: message`, with ERROR for what goes wrong in silence and CHECK for what is below `review`.
The type is the rule in capitals, so that `RAW_OFFSET_CONSTANT` finds all of a rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from auditor.model import Report, Verdict
from auditor.reports.filters import narrowed
from auditor.reports.findings import failing, why_in_words, worst
from auditor.reports.view import DEFAULT, View
from auditor.terminal import printable

_LEVELS = {
    Verdict.BREAK: "ERROR",
    Verdict.ABI: "ERROR",
    Verdict.BUILD_FAILS: "WARNING",
    Verdict.REVIEW: "WARNING",
}


def write(report: Report, stream: TextIO, view: View = DEFAULT) -> None:
    stream.writelines(line + "\n" for line in lines(report, view))


def lines(report: Report, view: View) -> Iterator[str]:
    """By file and line."""
    order = [p.id for p, _ in report.proposals]
    ignores = narrowed(report).wrong_ignores
    found = [(w.file, w.line, "WARNING", f"ignore/{w.problem}", w.why) for w in ignores]
    for judged in failing(report, view.threshold):
        site = judged.site
        said = "; ".join(why_in_words(judged, order, view.threshold))
        found.append((site.file, site.line, _LEVELS.get(worst(judged), "CHECK"), site.rule, f"{said} [{judged.id}]"))
    for file, line, level, rule, message in sorted(found):
        # A colon would end the name for whoever reads the line.
        name = printable(file).replace(":", "\\x3a")
        yield f"{name}:{max(line, 1)}: {level}:{type_of(rule)}: {printable(message)}"


def type_of(rule: str) -> str:
    """`raw-offset/past-end` as RAW_OFFSET_PAST_END."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in rule).upper()
