# SPDX-License-Identifier: GPL-2.0-only
"""What holds for every report on a real kernel."""

from __future__ import annotations

import io
import json
import posixpath
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.reports import sarif
from auditor.reports.read import parse
from tests.realkernel.conftest import Audited

pytestmark = pytest.mark.kernel

SARIF = Path(__file__).resolve().parents[1] / "reports/schemas/sarif-schema-2.1.0.json"
SCHEMA = Path(__file__).resolve().parents[2] / "auditor/reports/report.schema.json"
MEMBERS = "r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss"
SHIPPED = ["append-tail", "auxiliary", "extended", "fred-frame", "insert-head", "insert-middle"]


def coverage(audited: Audited) -> dict[str, Any]:
    found: dict[str, Any] = audited.report["runs"][0]["coverage"]
    return found


def test_it_is_whole_and_has_findings(audited: Audited) -> None:
    assert audited.code == 1
    assert [p["id"] for p in audited.report["proposals"]] == SHIPPED


def test_it_is_what_the_schema_says(audited: Audited) -> None:
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(audited.report)


def test_as_sarif(audited: Audited) -> None:
    stream = io.StringIO()
    sarif.write(parse(json.dumps(audited.report), "report"), stream)
    log = json.loads(stream.getvalue())
    jsonschema.Draft4Validator(json.loads(SARIF.read_text())).validate(log)
    (run,) = log["runs"]
    above = [s for s in audited.report["sites"] if {v["verdict"] for v in s["verdicts"].values()} - {"safe", "rebuild"}]
    told = {r["partialFingerprints"]["primaryLocationLineHash"] for r in run["results"]}
    assert told == {s["id"] for s in above}
    assert len(stream.getvalue()) < 10 << 20


def test_every_unit_is_analysed(audited: Audited) -> None:
    found = coverage(audited)
    assert found["units_failed"] == []
    assert found["units_analysed"] >= 118
    assert found["units"] > 2000


def test_the_layout_is_the_kernels(audited: Audited) -> None:
    layout = audited.report["runs"][0]["layout"]
    names = MEMBERS.split()
    assert [(f["name"], f["offset"]) for f in layout["fields"]] == [(n, 8 * i) for i, n in enumerate(names)]
    assert layout["size"] == 168


def test_every_mention_is_accounted_for(audited: Audited) -> None:
    found = coverage(audited)
    assert found["mentions"] > 5000
    assert found["mentions_covered"] + len(found["uncovered"]) == found["mentions"]
    assert [u for u in found["uncovered"] if not u["why"]] == []


def test_few_are_undecided(audited: Audited) -> None:
    verdicts = [v["verdict"] for s in audited.report["sites"] for v in s["verdicts"].values()]
    assert len(verdicts) == len(SHIPPED) * len(audited.report["sites"])
    assert verdicts.count("review") <= 0.08 * len(verdicts)


def test_a_site_is_a_place(audited: Audited) -> None:
    long = {(s["file"], s["function"]) for s in audited.report["sites"] if s["end_line"] - s["line"] >= 25}
    assert long == set()


def test_what_needs_attention_says_why(audited: Audited) -> None:
    judged = [(s, v) for s in audited.report["sites"] for v in s["verdicts"].values()]
    harmless = {"safe", "rebuild"}
    assert [s["id"] for s, v in judged if v["verdict"] not in harmless and not v["why"].strip()] == []


def test_ids_are_unique_and_known(audited: Audited) -> None:
    ids = [s["id"] for s in audited.report["sites"]]
    assert len(set(ids)) == len(ids)
    assert {i for f in audited.report["functions"] for i in f["sites"]} <= set(ids)


def test_paths_are_relative_and_exist(audited: Audited) -> None:
    files = {s["file"] for s in audited.report["sites"]} | {f["unit"] for f in audited.report["functions"]}
    files |= {r["file"] for s in audited.report["sites"] for r in s["related"]}
    files |= {u["file"] for u in coverage(audited)["uncovered"]}
    assert [f for f in files if f.startswith("/") or f != posixpath.normpath(f) or ".." in f.split("/")] == []
    assert [s["file"] for s in audited.report["sites"] if not is_file(audited, s["file"])] == []


def is_file(audited: Audited, file: str) -> bool:
    """Generated headers lie in the build."""
    return (audited.tree / file).is_file() or (audited.build / file).is_file()


def test_every_line_is_there(audited: Audited) -> None:
    lengths: dict[str, int] = {}
    for site in audited.report["sites"]:
        file = site["file"]
        if not (audited.tree / file).is_file():
            continue
        if file not in lengths:
            lengths[file] = (audited.tree / file).read_bytes().count(b"\n")
        assert 1 <= site["line"] <= site["end_line"] <= lengths[file], site
