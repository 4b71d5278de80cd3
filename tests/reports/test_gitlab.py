# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.model import Report, Verdict
from auditor.reports.view import View
from tests.gate.samples import place
from tests.reports.factory import OFFSET, READ, make_report
from tests.reports.test_gated import gated
from tests.reports.written import clean, hostile, moved, written

SCHEMA = json.loads((Path(__file__).parent / "schemas/gitlab-code-quality.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def entries(report: Report, view: View | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(written("gitlab", report, view or View()))
    VALIDATOR.validate(found)
    return found


def test_an_entry_in_full() -> None:
    (entry,) = entries(make_report(OFFSET))
    del entry["fingerprint"]
    assert entry == {
        "description": "break under insert-head: offset 8 is `ip` today and `bx` then. Fix: use offsetof",
        "check_name": "ptregs-audit/raw-offset/constant",
        "severity": "critical",
        "location": {"path": "lib/raw.c", "lines": {"begin": 12}},
    }


def test_severities() -> None:
    found = entries(make_report(), View(Verdict.SAFE))
    assert [e["severity"] for e in found] == ["critical"] * 3 + ["major"] * 2 + ["info"] * 2


def test_nothing_is_an_empty_list() -> None:
    assert entries(clean(READ)) == []


def test_what_is_known_is_left_out() -> None:
    assert [e["check_name"] for e in entries(gated())] == ["ptregs-audit/ignore/malformed"]


def test_fingerprints_are_unique_and_know_no_lines() -> None:
    # Equal in all but their lines.
    report = replace(clean(*(place(n) for n in range(1, 9))), wrong_ignores=gated().wrong_ignores * 3)
    before = [e["fingerprint"] for e in entries(report)]
    assert len(before) == len(set(before)) == 11
    assert [e["fingerprint"] for e in entries(moved(report, 100))] == before


def test_a_place_that_two_runs_see_is_one_entry() -> None:
    report = make_report(OFFSET)
    other = replace(report.runs[0], id=1, target=replace(report.runs[0].target, config="other"))
    twice = replace(report, runs=(report.runs[0], other), sites=(OFFSET, replace(OFFSET, run=1)))
    assert len(entries(twice)) == 1
    foreign = replace(other, target=replace(other.target, struct="fpregs"))
    assert len(entries(replace(twice, runs=(report.runs[0], foreign)))) == 2


def test_paths_and_lines() -> None:
    odd = replace(OFFSET, site=replace(OFFSET.site, file="./a.c", line=0))
    assert entries(make_report(odd))[0]["location"] == {"path": "a.c", "lines": {"begin": 1}}


def test_hostile_texts_stay_texts() -> None:
    (entry,) = entries(hostile())
    assert "\x1b" not in entry["description"] and "\n" not in entry["location"]["path"]


@pytest.mark.parametrize("key", ["fingerprint", "location", "severity"])
def test_the_schema_refuses_what_is_missing(key: str) -> None:
    (entry,) = entries(make_report(OFFSET))
    del entry[key]
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate([entry])
