# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import email.message
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from auditor.model import Report
from auditor.reports.b4 import LISTED
from auditor.reports.view import View
from tests import consumers
from tests.gate.samples import place
from tests.reports.factory import COVERAGE, OFFSET, READ, make_report
from tests.reports.written import clean, hostile, written


def entry(report: Report, url: str = "") -> dict[str, Any]:
    (found,) = json.loads(written("b4", report, View(url=url)))
    assert list(found) == ["tool", "status", "summary", "url", "details"]
    assert all(isinstance(v, str) for v in found.values())
    whole: dict[str, Any] = found
    return whole


def test_findings_fail() -> None:
    found = entry(clean(OFFSET), "https://ci.example/1")
    assert (found["status"], found["summary"], found["url"]) == ("fail", "1 place to look at", "https://ci.example/1")
    assert found["details"].startswith("lib/raw.c:12: ERROR:RAW_OFFSET_CONSTANT: break under insert-head")


def test_nothing_passes() -> None:
    found = entry(clean(READ))
    assert (found["status"], found["details"]) == ("pass", "")


def test_units_that_failed_warn() -> None:
    found = entry(make_report(READ, coverage=COVERAGE))
    assert (found["status"], found["details"]) == ("warn", "drivers/odd.c: not analysed: 'gen.h' file not found")


def test_details_are_few_and_safe() -> None:
    found = entry(clean(*(place(n) for n in range(1, 100))))["details"].splitlines()
    assert (len(found), found[-1]) == (LISTED + 1, f"and {99 - LISTED} more")
    assert "\x1b" not in entry(hostile())["details"]


@pytest.mark.parametrize("report", [clean(OFFSET), clean(READ), hostile()])
def test_b4_reads_it(report: Report, tmp_path: Path) -> None:
    checks = consumers.module("b4.review.checks")
    out = tmp_path / "out.json"
    out.write_text(written("b4", report))
    patch = email.message.EmailMessage()
    patch["Subject"] = "[PATCH] x"
    patch.set_content("diff\n")
    show = f"import sys; sys.stdin.read(); print(open({str(out)!r}).read())"
    assert checks._run_external_cmd([sys.executable, "-c", show], patch, str(tmp_path)) == [entry(report)]
