# SPDX-License-Identifier: GPL-2.0-only
"""GitLab code quality: what fails, one entry each. https://docs.gitlab.com/ci/testing/code_quality/

GitLab has no word for what is suppressed, so that it is left out. Of entries with one fingerprint it shows the first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, TextIO

from auditor.model import Report, Verdict, WrongIgnore
from auditor.reports.filters import narrowed
from auditor.reports.findings import failing, fixes, why_in_words, worst
from auditor.reports.view import DEFAULT, View
from auditor.terminal import printable

_SEVERITIES = {
    Verdict.BREAK: "critical",
    Verdict.ABI: "critical",
    Verdict.BUILD_FAILS: "major",
    Verdict.REVIEW: "minor",
}


def write(report: Report, stream: TextIO, view: View = DEFAULT) -> None:
    stream.write("[")
    seen: set[str] = set()
    for entry in _entries(report, view):
        # Runs for two configurations see one place of the source twice.
        if entry["fingerprint"] not in seen:
            stream.write((",\n" if seen else "\n") + json.dumps(entry, ensure_ascii=True))
            seen.add(entry["fingerprint"])
    stream.write("\n]\n" if seen else "]\n")


def _entries(report: Report, view: View) -> Iterator[dict[str, Any]]:
    order = [p.id for p, _ in report.proposals]
    targets = {run.id: run.target for run in report.runs}
    for judged in failing(report, view.threshold):
        site, target = judged.site, targets[judged.run]
        told = [*why_in_words(judged, order, view.threshold), *(f"Fix: {f}" for f in fixes(judged, view.threshold))]
        severity = _SEVERITIES.get(worst(judged), "info")
        yield _entry(site.file, site.line, site.rule, ". ".join(told), severity, target.struct, target.arch, judged.id)
    equals: dict[tuple[str, ...], int] = {}
    for wrong in narrowed(report).wrong_ignores:
        key = (wrong.file, wrong.problem, wrong.rule)
        equals[key] = ordinal = equals.get(key, -1) + 1
        yield _entry(wrong.file, wrong.line, f"ignore/{wrong.problem}", _told(wrong), "minor", *key, ordinal)


def _told(wrong: WrongIgnore) -> str:
    return f"{wrong.problem} ignore: {wrong.why}"


def _entry(file: str, line: int, rule: str, said: str, severity: str, *identity: str | int) -> dict[str, Any]:
    """`identity` holds no line: an entry that moves is the same one."""
    return {
        "description": printable(said),
        "check_name": f"ptregs-audit/{rule}",
        "fingerprint": hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32],
        "severity": severity,
        "location": {"path": printable(file.removeprefix("./")), "lines": {"begin": max(line, 1)}},
    }
