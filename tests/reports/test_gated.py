# SPDX-License-Identifier: GPL-2.0-only
"""What the gate marks, in every format: nothing is dropped, and what is left comes first."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from auditor.gate.gate import gate
from auditor.gate.thresholds import Thresholds
from auditor.model import Ignore, Report, Verdict
from auditor.reports import markdown, text
from auditor.reports.filters import select
from auditor.reports.read import parse
from auditor.reports.view import View
from tests.gate.samples import EMPTY, RULES, made_of, place
from tests.reports.factory import BPF, GUARD, MACRO, OFFSET, make_report
from tests.reports.test_json import VALIDATOR, dump
from tests.reports.test_sarif import log

IGNORE = Ignore("include/frame.h", 3, (3, 3), 0, (MACRO.site.rule,), "the frame is \x1b[2J ours")
WRONG = Ignore("lib/<b>.c", 7, (7, 7), 0, (), "", malformed="expected more")


def gated() -> Report:
    """OFFSET is known, MACRO is ignored, BPF is below the threshold; one entry is stale, one is fixed."""
    known = made_of(OFFSET, place(7), replace(GUARD, verdicts=OFFSET.verdicts), reason="since `ever`", author="A")
    report = replace(make_report(OFFSET, MACRO, BPF, GUARD), ignores=(IGNORE, WRONG))
    return gate(report, Thresholds(), {*RULES, MACRO.site.rule}, known)


def suppressed(report: dict[str, Any]) -> dict[str, Any]:
    return {s["rule"]: s["suppressed"] for s in report["sites"]}


def test_json() -> None:
    found = json.loads(dump(gated()))
    VALIDATOR.validate(found)
    assert suppressed(found) == {
        "raw-offset/constant": {"by": "baseline", "reason": "since `ever`", "author": "A"},
        "stack-position/below": {"by": "ignore", "reason": "the frame is \x1b[2J ours", "line": 3},
        "bpf-ctx/program-context": None,
        "assert/build": None,
    }
    states = [s["verdicts"]["insert-head"].get("baseline") for s in found["sites"] if s["id"] == OFFSET.id]
    assert states == ["unchanged"]
    assert [w["problem"] for w in found["wrong_ignores"]] == ["malformed"]
    baseline = found["baseline"]
    assert (baseline["file"], baseline["new"], baseline["unchanged"]) == ("b.json", 0, 1)
    assert [(e["rule"], e["now"]) for e in baseline["fixed"]] == [("assert/build", "build-fails")]
    assert [e["id"] for e in baseline["stale"]] == [place(7).id]


def test_json_read_back() -> None:
    text_ = dump(gated())
    assert dump(parse(text_, "x")) == text_
    assert parse(text_, "x").comparison == gated().comparison


def test_reports_from_before_the_gate_can_be_read() -> None:
    old = json.loads(dump(make_report()))
    for key in ("ignores", "wrong_ignores", "baseline"):
        del old[key]
    assert parse(json.dumps(old), "x").ignores == ()


def test_sarif() -> None:
    run = log(gated())["runs"][0]
    by_rule = {r["ruleId"]: r for r in run["results"]}
    assert by_rule["raw-offset/constant"]["suppressions"] == [
        {"kind": "external", "status": "accepted", "justification": "since `ever` (A)"}
    ]
    (in_source,) = by_rule["stack-position/below"]["suppressions"]
    assert (in_source["kind"], in_source["justification"]) == ("inSource", "the frame is \x1b[2J ours")
    place_ = in_source["location"]["physicalLocation"]
    assert (place_["artifactLocation"]["uri"], place_["region"]) == ("include/frame.h", {"startLine": 3})
    # All results of a run, or none of them, say whether they are suppressed.
    assert by_rule["bpf-ctx/program-context"]["suppressions"] == []
    wrong = by_rule["ignore/malformed"]
    assert (wrong["suppressions"], wrong["message"]["text"]) == ([], "expected more")
    assert [run["tool"]["driver"]["rules"][r["ruleIndex"]]["id"] for r in run["results"]] == [
        r["ruleId"] for r in run["results"]
    ]
    assert by_rule["raw-offset/constant"]["properties"]["baseline"] == {"insert-head": "unchanged"}


def test_sarif_without_a_gate_says_nothing_of_suppressions() -> None:
    assert all("suppressions" not in r for r in log(make_report())["runs"][0]["results"])


def lines(report: Report, **view: Any) -> str:
    return "\n".join(text.lines(report, View(**view)))


def test_text_counts_what_is_suppressed_and_lists_the_rest() -> None:
    found = lines(gated())
    assert "2 with a verdict of break under some proposal: 0 new, 1 in the baseline, 1 ignored in the source." in found
    assert "Sites: " not in found
    assert "Ignores that are wrong: 1\n  lib/<b>.c:7  malformed: expected more" in found
    assert "findings by proposal: 0 new, 1 unchanged, 1 fixed, 1 stale" in found
    assert "Suppressed" not in found


def test_text_lists_all_with_all() -> None:
    found = lines(gated(), limit=None)
    assert f"lib/raw.c:12:5  raw-offset/constant  {OFFSET.id}  baseline: since `ever` (A)" in found
    assert "ignore: the frame is \\x1b[2J ours" in found


def test_markdown_is_escaped() -> None:
    found = "\n".join(markdown.lines(gated(), View(limit=None)))
    assert "0 new, 1 in the baseline, 1 ignored in the source" in found
    assert "lib/&#60;b&#62;.c:7" in found
    assert "\x1b" not in found


def test_thresholds_by_kind() -> None:
    found = lines(make_report(OFFSET, GUARD), threshold=Thresholds(kinds={"assert": None, "raw-offset": None}))
    assert "0 with a verdict of break (assert: never, raw-offset: never)" in found
    assert "Sites: 1" in lines(make_report(OFFSET, BPF), threshold=Thresholds(None, {"bpf-ctx": Verdict.ABI}))


@pytest.mark.parametrize(
    ("filters", "stale", "wrong"),
    [
        ({}, 1, 1),
        ({"path": ("lib",)}, 1, 1),
        ({"path": ("arch",)}, 0, 0),
        ({"kind": ("raw-offset",)}, 1, 0),
        ({"kind": ("order",)}, 0, 0),
        ({"verdict": ("break",)}, 1, 0),
        ({"verdict": ("abi",)}, 0, 0),
    ],
)
def test_filters(filters: dict[str, tuple[str, ...]], stale: int, wrong: int) -> None:
    found = select(gated(), filters)
    assert found.comparison is not None
    assert (len(found.comparison.stale), len(found.wrong_ignores)) == (stale, wrong)


def test_the_schema_refuses_what_is_not_described() -> None:
    data = json.loads(dump(gated()))
    data["baseline"]["stale"][0]["line"] = 1
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(data)


def test_an_empty_baseline_makes_everything_new() -> None:
    report = gate(make_report(OFFSET), Thresholds(), RULES, replace(EMPTY, proposals=("extended", "insert-head")))
    assert ": 1 new, 0 in the baseline." in lines(report)
