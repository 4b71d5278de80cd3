# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.model import Report
from tests import consumers
from tests.reports.factory import OFFSET, READ, make_report
from tests.reports.test_gated import gated
from tests.reports.written import HOSTILE, clean, hostile, moved, written

XSD = Path(__file__).parent / "schemas/junit-10.xsd"


def root(report: Report) -> ET.Element:
    return ET.fromstring(written("junit", report))


def names(report: Report) -> list[tuple[str | None, ...]]:
    return [
        (suite.get("name"), case.get("classname"), case.get("name"))
        for suite in root(report)
        for case in suite
    ]  # fmt: skip


def test_a_suite_for_each_proposal_and_a_test_for_each_place() -> None:
    suites = {s.get("name"): s for s in root(make_report())}
    assert list(suites) == ["extended", "insert-head", "units"]
    head = suites["insert-head"]
    assert {k: head.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "7", "failures": "1", "errors": "0", "skipped": "0",
    }  # fmt: skip
    (case,) = [c for c in head if len(c)]
    assert (case.get("classname"), case.get("name")) == ("lib/raw.c", f"raw-offset/constant in f [{OFFSET.id}]")
    assert (case[0].tag, case[0].get("type")) == ("failure", "break")
    assert case[0].get("message") == "lib/raw.c:12:5: offset 8 is `ip` today and `bx` then"
    assert case[0].text == "lib/raw.c:12:5\n*(u64 *)((char *)regs + 8)\nFix: use offsetof"


def test_a_unit_that_failed_is_an_error() -> None:
    units = root(make_report())[-1]
    assert (units.get("name"), units.get("errors")) == ("units", "1")
    assert units[0][0].get("message") == "'gen.h' file not found"


def test_what_is_known_is_skipped_and_wrong_ignores_fail() -> None:
    outcomes = Counter(c[0].tag if len(c) else "passed" for s in root(gated()) for c in s)
    assert outcomes == {"passed": 6, "skipped": 2, "error": 1, "failure": 1}
    said = [c[0].get("message") for s in root(gated()) for c in s if len(c) and c[0].tag == "skipped"]
    assert said == ["ignore: the frame is \\x1b[2J ours", "baseline: since `ever`"]


def test_nothing_wrong_is_all_passed() -> None:
    assert [s.get("failures") for s in root(clean(READ))] == ["0", "0"]
    assert len(root(clean())) == 0


def test_names_are_unique_and_know_no_lines() -> None:
    report = replace(gated(), wrong_ignores=gated().wrong_ignores * 3)
    assert len(set(names(report))) == len(names(report))
    assert names(moved(report, 100)) == names(report)


def test_two_runs_are_two_suites() -> None:
    report = make_report(OFFSET)
    other = replace(report.runs[0], id=1, target=replace(report.runs[0].target, struct="other"))
    both = replace(report, runs=(report.runs[0], other), sites=(OFFSET, replace(OFFSET, run=1)))
    found = [s.get("name") for s in root(both)]
    assert len(found) == len(set(found)) == 6


def test_hostile_texts_are_legal_xml() -> None:
    found = root(hostile())
    assert "<script>&amp; \\x1b[31m\\x00" in (found[0][0][0].get("message") or "")
    assert HOSTILE not in "".join(found.itertext())


@pytest.mark.parametrize("report", [make_report(), gated(), hostile(), clean(), clean(READ)])
def test_jenkins_schema(report: Report) -> None:
    schema = consumers.module("xmlschema").XMLSchema(str(XSD))
    schema.validate(written("junit", report))
    with pytest.raises(consumers.module("xmlschema").XMLSchemaValidationError):
        schema.validate(written("junit", report).replace("name=", "called=", 1))
