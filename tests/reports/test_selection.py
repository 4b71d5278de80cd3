# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.errors import UsageError
from auditor.model import Field, Layout, Related, Verdict
from auditor.reports import registry
from auditor.reports.causes import root_causes
from auditor.reports.filters import path_matches, select
from auditor.reports.findings import ranked, reaching, reasons
from auditor.reports.rebuilt import layout_after
from tests.reports.factory import BPF, GUARD, GUARDED, HEAD, LAYOUT, MACRO, OFFSET, READ, make_report


@pytest.mark.parametrize(
    ("file", "pattern", "matches"),
    [
        ("arch/x86/a.c", "arch/x86", True),
        ("arch/x86/a.c", "arch/x86/", True),
        ("arch/x86/a.c", "./arch/*/a.c", True),
        ("arch/x86/a.c", "*.c", True),
        ("arch/x86_64.c", "arch/x86", False),
        ("arch/x86/a.c", "x86", False),
    ],
)
def test_paths(file: str, pattern: str, matches: bool) -> None:
    assert path_matches(file, pattern) is matches


def test_no_filter_is_the_report_itself() -> None:
    report = make_report()
    assert select(report, {"path": (), "kind": ()}) is report


def test_a_verdict_filter_keeps_only_those_verdicts() -> None:
    (only,) = select(make_report(), {"verdict": ("review",)}).sites
    assert only.id == BPF.id
    assert list(only.verdicts) == ["extended"]


def test_ranking_is_by_verdict_then_place() -> None:
    report = make_report()
    assert [s.id for s in ranked(report.sites, None)][:3] == [MACRO.id, OFFSET.id, BPF.id]
    assert ranked(report.sites, 3) == ranked(report.sites, None)[:3]


def test_threshold() -> None:
    assert {s.id for s in reaching(make_report().sites, Verdict.ABI)} == {MACRO.id, OFFSET.id, BPF.id}


def test_proposals_with_one_reason_share_a_row() -> None:
    same = OFFSET.verdicts["insert-head"]
    (reason,) = reasons(replace(OFFSET, verdicts={"a": same, "b": same}), ["b", "a"], Verdict.BREAK)
    assert reason.proposals == ("b", "a")


def test_a_guard_is_the_cause_of_what_it_stops() -> None:
    (cause,) = root_causes(make_report(GUARD, GUARDED), "insert-head", Verdict.BUILD_FAILS)
    assert (cause.rule, cause.sites, cause.origin) == ("assert/build", 2, "guard arch/ptrace.c:7:5")


def test_a_named_table_ties_sites_together_and_a_rule_ties_the_rest() -> None:
    table = Related("t.c", 9, "table offsets")
    tied = [replace(OFFSET, site=replace(OFFSET.site, line=n, related=(table,))) for n in (1, 2, 3)]
    loose = [replace(OFFSET, site=replace(OFFSET.site, file=f)) for f in ("x.c", "y.c")]
    causes = root_causes(make_report(*tied, *loose), "insert-head", Verdict.BREAK)
    assert [(c.origin, c.sites, c.files, c.first) for c in causes] == [
        ("table offsets t.c:9", 3, 1, "lib/raw.c:1:5"),
        ("", 2, 2, "x.c:12:5"),
    ]


def test_rebuilt_layout() -> None:
    _, effects = HEAD
    after = layout_after(LAYOUT, effects.shift, effects.resize)
    assert [(f.name, f.offset) for f in after.fields] == [("bx", 8), ("ip", 16), ("sp", 24), ("ss", 32)]
    assert after.size == 40


def test_rebuilt_layout_drops_removed_members_and_keeps_unions() -> None:
    middle = layout_after(LAYOUT, {"sp": -8, "ss": -8}, -8)
    assert [f.name for f in middle.fields] == ["bx", "sp", "ss"]
    assert [f.name for f in layout_after(LAYOUT, {}, -8).fields] == ["bx", "ip", "sp"]
    union = Layout("u", "x86_64", 8, 8, (Field("a", "int", 0, 4), Field("b", "int", 0, 4)))
    assert len(layout_after(union, {}, 8).fields) == 2


def test_the_registry_names_the_known_formats() -> None:
    assert callable(registry.writer("json"))
    with pytest.raises(UsageError, match="text, markdown, json, sarif"):
        registry.writer("pdf")


def test_reads_are_not_findings() -> None:
    assert reaching((READ,), Verdict.REVIEW) == []
