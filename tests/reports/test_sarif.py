# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.model import Failure, JudgedSite, Related, Report, Run
from auditor.reports import sarif
from tests.reports.factory import BPF, COVERAGE, GUARD, GUARDED, MACRO, OFFSET, READ, make_report

SCHEMA = json.loads((Path(__file__).parent / "schemas/sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft4Validator(SCHEMA)


def log(report: Report) -> dict[str, Any]:
    out = io.StringIO()
    sarif.write(report, out)
    found: dict[str, Any] = json.loads(out.getvalue())
    VALIDATOR.validate(found)
    return found


def only(*sites: JudgedSite) -> dict[str, Any]:
    (run,) = log(make_report(*sites))["runs"]
    found: dict[str, Any] = run
    return found


def at(file: str, judged: JudgedSite = OFFSET, **more: Any) -> JudgedSite:
    return replace(judged, site=replace(judged.site, file=file, **more))


def test_what_needs_a_reader_is_a_result() -> None:
    run = only()
    assert [(r["ruleId"], r["level"]) for r in run["results"]] == [
        ("stack-position/below", "error"),
        ("raw-offset/constant", "error"),
        ("bpf-ctx/program-context", "error"),
        ("assert/build", "warning"),
        ("order/index", "warning"),
    ]
    assert only(READ)["results"] == []
    assert only(READ)["tool"]["driver"]["rules"] == []


def test_undecided_is_a_note() -> None:
    undecided = replace(BPF, verdicts={"extended": BPF.verdicts["extended"]})
    (result,) = only(undecided)["results"]
    assert (result["level"], result["properties"]["verdicts"]) == ("note", {"extended": "review"})


def test_a_result_in_full() -> None:
    (result,) = only(OFFSET)["results"]
    assert result["message"]["text"] == (
        "break under insert-head: offset 8 is `ip` today and `bx` then\nFix: use offsetof"
    )
    (location,) = result["locations"]
    assert location == {
        "physicalLocation": {
            "artifactLocation": {"uri": "lib/raw.c", "uriBaseId": "SRCROOT"},
            "region": {"startLine": 12, "startColumn": 5, "snippet": {"text": "*(u64 *)((char *)regs + 8)"}},
        },
        "logicalLocations": [{"name": "f"}],
    }
    assert result["properties"]["verdicts"] == {"extended": "safe", "insert-head": "break"}
    assert result["partialFingerprints"]["primaryLocationLineHash"] == OFFSET.id


def test_rules_are_those_of_the_results() -> None:
    run = only(GUARD, GUARDED)
    rules = run["tool"]["driver"]["rules"]
    assert [r["id"] for r in rules] == ["assert/build", "order/index"]
    assert [rules[r["ruleIndex"]]["id"] for r in run["results"]] == [r["ruleId"] for r in run["results"]]
    assert rules[1]["help"]["markdown"].startswith("**Why it matters.** ")
    assert rules[1]["properties"] == {"tags": ["order"], "precision": "high", "problem.severity": "warning"}


def test_a_rule_of_another_version() -> None:
    run = only(replace(OFFSET, site=replace(OFFSET.site, rule="field/unheard-of")))
    assert [r["id"] for r in run["tool"]["driver"]["rules"]] == ["field/unheard-of"]


@pytest.mark.parametrize(
    ("file", "uri", "base"),
    [
        ("kernel/a b#c%.c", "kernel/a%20b%23c%25.c", "SRCROOT"),
        ("kernel/\udcff.c", "kernel/%FF.c", "SRCROOT"),
        ("kernel/ä.c", "kernel/%C3%A4.c", "SRCROOT"),
        ("/usr/include/x.h", "file:///usr/include/x.h", None),
    ],
)
def test_paths(file: str, uri: str, base: str | None) -> None:
    (result,) = only(at(file))["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert (artifact["uri"], artifact.get("uriBaseId")) == (uri, base)


def test_a_place_without_a_line() -> None:
    (result,) = only(at("a.c", line=0, column=0, end_line=0))["results"]
    assert "region" not in result["locations"][0]["physicalLocation"]


def test_related_places_are_numbered_and_not_too_many() -> None:
    many = tuple(Related("a.c", n, "expanded here") for n in range(1, 200))
    (result,) = only(at("a.h", MACRO, related=many))["results"]
    assert [r["id"] for r in result["relatedLocations"]] == list(range(sarif.MAX_LOCATIONS))
    assert result["relatedLocations"][3]["physicalLocation"]["region"] == {"startLine": 4}


def test_too_many_results_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "MAX_RESULTS", 2)
    run = only()
    assert [r["ruleId"] for r in run["results"]] == ["stack-position/below", "raw-offset/constant"]
    notes = [n["message"]["text"] for n in run["invocations"][0]["toolExecutionNotifications"]]
    assert notes[-1] == "3 results are left out: at most 2"


def test_units_that_failed_are_said() -> None:
    (note,) = only()["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "not analysed: 'gen.h' file not found"
    whole = make_report(OFFSET, coverage=replace(COVERAGE, units_failed=()))
    assert "toolExecutionNotifications" not in log(whole)["runs"][0]["invocations"][0]


def test_hostile_texts_stay_texts() -> None:
    odd = at("a.c", expression='"}],\n\x1b[0m\udc80 \u2028', function="f\x00")
    coverage = replace(COVERAGE, units_failed=(Failure("b\n.c", 'why "\x07'),))
    found = log(make_report(odd, coverage=coverage))
    assert found["runs"][0]["results"][0]["locations"][0]["logicalLocations"][0]["name"] == "f\x00"


def test_two_runs() -> None:
    report = make_report()
    second = Run(1, replace(report.runs[0].target, struct="other"), report.runs[0].layout, COVERAGE)
    found = log(replace(report, runs=(*report.runs, second), sites=(OFFSET, replace(READ, run=1), replace(BPF, run=1))))
    assert [len(r["results"]) for r in found["runs"]] == [1, 1]
    assert [r["properties"]["struct"] for r in found["runs"]] == ["pt_regs", "other"]


def test_version_comes_early() -> None:
    out = io.StringIO()
    sarif.write(make_report(), out)
    assert out.getvalue().startswith('{"version": "2.1.0"')
