# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest

from auditor.gate.gate import failing, gate
from auditor.gate.thresholds import Thresholds
from auditor.model import Ignore, Report, Suppression
from tests.gate.samples import BREAK, RULES, ignore, place, report


def gated(*ignores: Ignore, unused: bool = True) -> Report:
    """Two places, in lines 10 and 20; the second is as long as an expression of three lines."""
    return gate(report(place(1), place(2, end_line=22), ignores=ignores), BREAK, RULES, unused=unused)


def suppressed(*ignores: Ignore) -> list[int]:
    return [s.site.line for s in gated(*ignores).sites if s.suppressed]


@pytest.mark.parametrize(
    ("line", "below", "hits"),
    [(10, 0, [10]), (9, 10, [10]), (9, 0, []), (11, 0, []), (19, 20, [20]), (21, 0, [20]), (22, 0, [20]), (23, 0, [])],
)
def test_on_a_line_of_the_site_or_alone_above_it(line: int, below: int, hits: list[int]) -> None:
    assert suppressed(ignore(line, below=below)) == hits


def test_what_is_suppressed_stays_and_does_not_fail() -> None:
    found = gated(ignore(10, reason="the hardware writes it"))
    assert [s.site.line for s in found.sites] == [10, 20]
    assert found.sites[0].suppressed == Suppression("ignore", "the hardware writes it", line=10)
    assert [s.site.line for s in failing(found.sites, BREAK)] == [20]
    assert found.wrong_ignores == ()


def test_the_threshold_does_not_matter_to_an_ignore() -> None:
    found = gate(report(place(1, head="rebuild"), ignores=(ignore(10),)), BREAK, RULES)
    assert found.sites[0].suppressed is not None
    assert found.wrong_ignores == ()
    assert failing(found.sites, Thresholds(default=None)) == []


@pytest.mark.parametrize(
    ("wrong", "problem", "why"),
    [
        (ignore(10, reason=""), "without-reason", "say why after the `]`"),
        (ignore(10, "raw-offset/constnat"), "unknown-rule", "did you mean raw-offset/constant"),
        (ignore(10, "raw-offset"), "unknown-rule", "did you mean raw-offset/constant, raw-offset/past-end?"),
        (ignore(10, "nothing/like-it"), "unknown-rule", "`ptregs-audit rules` lists them"),
        (ignore(11), "unused", "no place of raw-offset/constant is here"),
        (ignore(10, "order/index"), "unused", "no place of order/index is here; what is here: raw-offset/constant"),
        (ignore(10, malformed="expected more"), "malformed", "expected more"),
    ],
)
def test_a_wrong_ignore_is_a_finding_and_suppresses_nothing(wrong: Ignore, problem: str, why: str) -> None:
    found = gated(wrong)
    assert [(w.line, w.problem) for w in found.wrong_ignores] == [(wrong.line, problem)]
    assert why in found.wrong_ignores[0].why
    assert not any(s.suppressed for s in found.sites)


def test_of_several_rules_each_must_be_used() -> None:
    found = gated(ignore(10, "raw-offset/constant", "order/index"))
    assert [(w.problem, w.rule) for w in found.wrong_ignores] == [("unused", "order/index")]
    assert found.sites[0].suppressed is not None


def test_what_was_not_looked_at_is_not_unused() -> None:
    assert gated(ignore(99, unseen="other architecture (arm64)")).wrong_ignores == ()
    assert gated(ignore(99), unused=False).wrong_ignores == ()
    (wrong,) = gated(ignore(99, "no/such", unseen="other architecture (arm64)")).wrong_ignores
    assert wrong.problem == "unknown-rule"


def test_another_file_is_another_place() -> None:
    assert suppressed(ignore(10, file="lib/other.c")) == []


def test_two_equal_places_on_one_line_are_both_meant() -> None:
    found = gate(report(place(1), place(2, line=10, end_line=10), ignores=(ignore(10),)), BREAK, RULES)
    assert all(s.suppressed for s in found.sites)
