# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import InputError
from auditor.model import KINDS, Report, Verdict
from auditor.reports import json as json_format
from auditor.reports.read import parse, read
from tests.reports.factory import GUARD, MACRO, make_report

SCHEMA = json.loads((Path(json_format.__file__).parent / "report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def dump(report: Report) -> str:
    out = io.StringIO()
    json_format.write(report, out)
    return out.getvalue()


def empty() -> Report:
    return replace(make_report(), sites=(), functions=(), proposals=())


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_knows_the_models_words() -> None:
    site = SCHEMA["$defs"]["site"]["properties"]
    assert site["kind"]["enum"] == list(KINDS)
    assert site["verdicts"]["additionalProperties"]["properties"]["verdict"]["enum"] == [v.value for v in Verdict]


@pytest.mark.parametrize("report", [make_report(), empty(), make_report(path=("a*",), verdict=("break",))])
def test_reports_are_valid(report: Report) -> None:
    VALIDATOR.validate(json.loads(dump(report)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("extra", 1),
        ("sites.0.extra", 1),
        ("sites.0.suppressed", {"by": "x", "reason": "y"}),
        ("sites.0.bytes", [1]),
        ("sites.0.kind", "other"),
        ("runs.0.coverage.units_failed.0.object", "x.o"),
        ("runs.0.layout.fields.0.offset", -8),
        ("proposals.0.effects.extension", 8),
    ],
)
def test_the_schema_refuses_what_is_not_described(path: str, value: object) -> None:
    data = json.loads(dump(make_report()))
    *way, last = path.split(".")
    inner = data
    for step in way:
        inner = inner[int(step) if step.isdigit() else step]
    inner[last] = value
    assert not VALIDATOR.is_valid(data)


def test_output_does_not_depend_on_the_order_of_sites() -> None:
    report = make_report()
    turned = replace(report, sites=report.sites[::-1], functions=report.functions[::-1])
    assert dump(turned) == dump(report)


def test_one_site_per_line() -> None:
    report = make_report()
    with_id = [line for line in dump(report).splitlines() if line.startswith('{"id": "') and '"rule"' in line]
    assert len(with_id) == len(report.sites)


def test_read_back_and_written_again_is_the_same() -> None:
    text = dump(make_report(kind=("order",)))
    assert dump(parse(text, "x")) == text


def test_read_back_keeps_sites_and_verdicts() -> None:
    back = parse(dump(make_report(GUARD, MACRO)), "x")
    assert [s.id for s in back.sites] == [GUARD.id, MACRO.id]
    assert back.sites[1].site == MACRO.site
    assert back.sites[0].verdicts == GUARD.verdicts
    assert back.proposals[1][1].after.get("ip") == replace(back.runs[0].layout.fields[1], offset=16)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "NaN", "[" * 100_000, '{"schema_version": 2}', "9" * 5000])
def test_damaged_files_are_one_error_that_names_the_file(text: str) -> None:
    with pytest.raises(InputError, match=r"^some\.json: "):
        parse(text, "some.json")


def test_unreadable_files_are_input_errors(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "absent", tmp_path, tmp_path / "binary"):
        with pytest.raises(InputError, match=str(path)):
            read(path)


def places(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of every value inside a JSON value."""
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in [(value, k), *places(v)]]
    if isinstance(value, list):
        return [p for k, v in enumerate(value) for p in [(value, k), *places(v)]]
    return []


_wrong = st.sampled_from([None, True, -1, 1.5, "", "x", [], {}, ["a"], {"verdict": 1}, [1, 2, 3]])


@given(st.data())
def test_any_value_replaced_gives_a_report_or_an_input_error(data: st.DataObject) -> None:
    value = json.loads(dump(make_report()))
    container, key = data.draw(st.sampled_from(places(value)))
    container[key] = data.draw(_wrong)
    try:
        back = parse(json.dumps(value), "x")
    except InputError as e:
        assert str(e).startswith("x: ")
    else:
        assert dump(back)


@given(st.data())
def test_any_key_removed_gives_a_report_or_an_input_error(data: st.DataObject) -> None:
    value = json.loads(dump(make_report()))
    container, key = data.draw(st.sampled_from(places(value)))
    del container[key]
    try:
        parse(json.dumps(value), "x")
    except InputError as e:
        assert str(e).startswith("x: ")


def test_more_than_any_report_holds_is_refused_before_any_work() -> None:
    value = json.loads(dump(make_report()))
    many = json.loads(json.dumps(value))
    many["proposals"] *= 200
    with pytest.raises(InputError, match="at most 256 proposals"):
        parse(json.dumps(many), "x")
    value["runs"][0]["layout"]["fields"] *= 1000
    with pytest.raises(InputError, match="at most 2048 members"):
        parse(json.dumps(value), "x")


def test_a_proposal_stands_once() -> None:
    value = json.loads(dump(make_report()))
    value["proposals"].append(value["proposals"][0])
    with pytest.raises(InputError, match="every id once"):
        parse(json.dumps(value), "x")
