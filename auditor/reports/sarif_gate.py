# SPDX-License-Identifier: GPL-2.0-only
"""What the gate adds to SARIF: suppressions of results, and results of their own for ignores that are wrong."""

from __future__ import annotations

from typing import Any

from auditor.model import JudgedSite, WrongIgnore
from auditor.reports.sarif_places import location

_TITLES = {
    "malformed": "An inline ignore that cannot be read",
    "unknown-rule": "An inline ignore of a rule that does not exist",
    "unused": "An inline ignore that ignores nothing",
    "without-reason": "An inline ignore that gives no reason",
}
_HELP = "Write /* ptregs-audit: ignore[rule] reason */ on the line of the place or alone above it, or remove it."


def suppressions(judged: JudgedSite | None, marked: bool) -> dict[str, Any]:
    """`marked`: the results of this run say whether they are suppressed."""
    if not marked:
        return {}
    found = judged.suppressed if judged is not None else None
    if judged is None or found is None:
        return {"suppressions": []}
    author = f" ({found.author})" if found.author else ""
    suppression: dict[str, Any] = {
        "kind": "inSource" if found.by == "ignore" else "external",
        "status": "accepted",
        "justification": found.reason + author,
    }
    if found.line:
        suppression["location"] = location(judged.site.file, found.line)
    return {"suppressions": [suppression]}


def ignore_rule(problem: str) -> dict[str, Any]:
    title = _TITLES.get(problem, problem)
    return {
        "id": f"ignore/{problem}",
        "defaultConfiguration": {"level": "warning"},
        "shortDescription": {"text": f"{title}."},
        "fullDescription": {"text": f"{title}."},
        "help": {"text": _HELP, "markdown": _HELP},
        "properties": {"tags": ["ignore"], "precision": "high", "problem.severity": "warning"},
    }


def ignore_result(wrong: WrongIgnore, rule_index: int) -> dict[str, Any]:
    return {
        "ruleId": f"ignore/{wrong.problem}",
        "ruleIndex": rule_index,
        "level": "warning",
        "message": {"text": wrong.why},
        "locations": [location(wrong.file, wrong.line)],
    }
