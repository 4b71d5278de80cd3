# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import InputError
from auditor.gate.baseline import Baseline
from auditor.gate.baseline_file import chunks, parse, read
from tests.gate.samples import EMPTY, made_of, place
from tests.reports.test_json import places

KNOWN = made_of(place(2), place(1, extended="break"), place(3, file="a\udcff\x1b.c"), reason="därum", author="A")


def text(baseline: Baseline = KNOWN) -> str:
    return "".join(chunks(baseline))


def test_one_sorted_finding_a_line() -> None:
    lines = [json.loads(line.rstrip(",")) for line in text().splitlines() if line.startswith('{"file"')]
    assert [(e["file"], e["id"][-1], e["proposal"]) for e in lines] == [
        ("a\udcff\x1b.c", "3", "insert-head"),
        ("lib/raw.c", "1", "extended"),
        ("lib/raw.c", "1", "insert-head"),
        ("lib/raw.c", "2", "insert-head"),
    ]
    assert text().isascii()


def test_the_order_of_entries_makes_no_difference() -> None:
    assert text(replace(KNOWN, entries=KNOWN.entries[::-1], proposals=KNOWN.proposals[::-1])) == text()


@pytest.mark.parametrize("baseline", [KNOWN, replace(EMPTY, proposals=("extended",))])
def test_read_back_and_written_again_is_the_same(baseline: Baseline, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text(text(baseline))
    assert read(str(path)) == replace(baseline, file=str(path))
    assert text(read(str(path))) == text(baseline)


def changed(**top: Any) -> str:
    return json.dumps(json.loads(text()) | top)


FINDING = json.loads(text())["findings"][0]


@pytest.mark.parametrize(
    ("damaged", "problem"),
    [
        (text()[:300], r"not JSON: .* line \d+ column \d+"),
        ("[]", "is no baseline"),
        ("{}", "is no baseline"),
        ('{"schema_version": 1, "runs": []}', "is no baseline"),
        (changed(schema_version=2), "schema_version 2, expected 1"),
        (changed(schema_version="1"), "schema_version '1', expected 1"),
        (changed(more=1), "baseline: unknown key 'more'"),
        (changed(target={"struct": "pt_regs"}), "baseline.target: expected the key 'arch'"),
        (changed(findings={}), "baseline.findings: expected a list"),
        (changed(findings=[FINDING, 7]), r"baseline.findings\[1\]: expected"),
        (changed(findings=[FINDING | {"verdict": "bad"}]), r"findings\[0\].verdict: expected one of safe, rebuild"),
        (changed(findings=[FINDING | {"reason": None}]), r"findings\[0\].reason: expected a string"),
        (changed(findings=[FINDING | {"line": 3}]), r"findings\[0\]: unknown key 'line'"),
        (changed(findings=[FINDING, FINDING]), r"findings\[1\]: the same finding as findings\[0\]"),
        (changed(proposals=["extended"]), r"findings\[0\].proposal: 'insert-head' is not in proposals"),
    ],
)
def test_a_damaged_baseline_is_one_error_with_its_place(damaged: str, problem: str) -> None:
    with pytest.raises(InputError, match=rf"^some\.json: .*{problem}") as found:
        parse(damaged, "some.json")
    assert found.value.hint


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name in ("absent", "empty", "binary", "."):
        with pytest.raises(InputError, match=str(tmp_path)):
            read(str(tmp_path / name))


@given(st.data())
def test_any_value_replaced_gives_a_baseline_or_an_input_error(data: st.DataObject) -> None:
    value = json.loads(text())
    container, key = data.draw(st.sampled_from(places(value)))
    container[key] = data.draw(st.sampled_from([None, True, -1, 1.5, "", "x", [], {}, ["a"], {"a": 1}]))
    try:
        back = parse(json.dumps(value), "x")
    except InputError as e:
        assert str(e).startswith("x: ")
    else:
        assert text(back)
