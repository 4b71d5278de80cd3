# SPDX-License-Identifier: GPL-2.0-only
"""What a verdict claims, and what speaks for and against it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.model import FunctionEntry, JudgedSite, Report, Unit
from auditor.prove.judge import Judged, Outcome, Proof, judge
from auditor.prove.objects import Compared, Difference
from auditor.prove.stops import Stop
from auditor.prove.units import UnitProof
from tests.reports.factory import SAFE, both, judged, make_report, site, verdict

UNIT = Unit("a.c", "a.o", "/build", ("-c", "a.c"), "gcc")


def made(name: str, line: int = 1, function: str = "f", rule: str = "field/read") -> JudgedSite:
    """A site with this verdict."""
    return judged(both(SAFE, verdict(name)), site(rule, "a.c", line, f"expression {line}", function))


def report(**functions: tuple[JudgedSite, ...]) -> Report:
    """{function: its sites}, all in one unit."""
    sites = tuple({s.id: s for held in functions.values() for s in held}.values())
    entries = tuple(FunctionEntry(0, "a.c", "a.o", f, tuple(s.id for s in held)) for f, held in functions.items())
    return replace(make_report(*sites), functions=entries)


def compared(changed: str = "", same: str = "", data: str = "", **more: object) -> UnitProof:
    found = Compared(
        Difference(frozenset(same.split()), frozenset(changed.split())), Difference(changed=frozenset(data.split()))
    )
    return UnitProof(UNIT, compared=replace(found, **more))  # type: ignore[arg-type]


def proved(given: Report, unit: UnitProof) -> Judged:
    return judge(given, "insert-head", [s.id for s in given.sites], [unit])


def only(given: Report, unit: UnitProof) -> Proof:
    found = proved(given, unit).proofs
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("claimed", "unit", "outcome", "decides", "contradiction"),
    [
        ("rebuild", compared(changed="f"), Outcome.FOLLOWS, True, False),
        ("rebuild", compared(same="f"), Outcome.STAYS, True, True),
        ("rebuild", compared(same="f", through={"f": frozenset({"table"})}), Outcome.FOLLOWS, True, False),
        ("safe", compared(same="f"), Outcome.UNCHANGED, True, False),
        ("safe", compared(changed="f"), Outcome.FOLLOWS, True, True),
        ("break", compared(same="f"), Outcome.STAYS, True, False),
        ("break", compared(changed="f"), Outcome.UNDECIDED, False, False),
        ("abi", compared(changed="f"), Outcome.FOLLOWS, False, False),
        ("abi", compared(same="f"), Outcome.UNCHANGED, False, False),
        ("review", compared(changed="f"), Outcome.FOLLOWS, False, False),
        ("build-fails", compared(same="f"), Outcome.UNCHANGED, True, True),
        ("build-fails", compared(changed="f"), Outcome.FOLLOWS, True, True),
        ("rebuild", compared(same="other"), Outcome.UNDECIDED, False, False),
        ("safe", UnitProof(UNIT, undecided="takes too long"), Outcome.UNDECIDED, False, False),
    ],
)
def test_one_site_alone(claimed: str, unit: UnitProof, outcome: Outcome, decides: bool, contradiction: bool) -> None:
    found = only(report(f=(made(claimed),)), unit)
    assert (found.outcome, found.decides, found.contradiction) == (outcome, decides, contradiction)


def test_a_reason_is_always_given() -> None:
    found = only(report(f=(made("safe"),)), UnitProof(UNIT, undecided="takes too long"))
    assert found.why == "a.c: takes too long"


def test_another_site_explains_why_a_function_changes() -> None:
    safe, follows = made("safe", 1), made("rebuild", 2)
    found = proved(report(f=(safe, follows)), compared(changed="f"))
    assert [p.outcome for p in found.proofs] == [Outcome.UNDECIDED, Outcome.FOLLOWS]
    assert not found.contradictions


def test_one_unchanged_function_proves_an_inline_site_safe() -> None:
    inline = made("safe", 1, "inline_in_header")
    found = proved(report(f=(inline, made("rebuild", 2)), g=(inline,)), compared(changed="f", same="g"))
    assert [p.outcome for p in found.proofs] == [Outcome.UNCHANGED, Outcome.FOLLOWS]


def test_code_that_was_inlined_is_looked_for_where_it_went() -> None:
    given = report(f=(made("rebuild"),))
    unit = replace(compared(changed="outer"), inlined=frozenset({("f", "middle"), ("middle", "outer")}))
    assert only(given, unit).outcome is Outcome.FOLLOWS
    assert not proved(given, unit).unexplained
    assert only(given, compared(changed="outer")).outcome is Outcome.UNDECIDED


def test_what_a_clone_no_longer_reads_is_looked_for_in_its_callers() -> None:
    given = report(f=(made("rebuild"),))
    assert only(given, compared(changed="g", same="f", moved=frozenset({("f", "g")}))).outcome is Outcome.FOLLOWS


def test_a_function_that_changes_without_a_site_is_told() -> None:
    found = proved(report(f=(made("rebuild"),)), compared(changed="f g"))
    assert [(u.object, u.name) for u in found.unexplained] == [("a.o", "g")]
    assert found.contradictions == 1


def test_a_function_that_comes_or_goes_is_told() -> None:
    difference = Difference(same=frozenset({"f", "h"}), added=frozenset({"g"}), removed=frozenset({"gone"}))
    found = proved(report(f=(made("safe"),)), compared(functions=difference))
    assert [u.name for u in found.unexplained] == ["g", "gone"]


def test_sites_outside_of_functions_are_held_against_the_data() -> None:
    table = made("rebuild", 1, "table", "offsetof/table")
    given = replace(report(f=(made("rebuild", 5),)), sites=(table,))
    # The unit is known by its functions.
    assert only(given, compared(data="table")).outcome is Outcome.FOLLOWS


def test_a_header_declares_what_some_unit_defines() -> None:
    held = judged(both(SAFE, verdict("rebuild")), site("embed/array", "held.h", 3, "struct pt_regs held[4]", "held"))
    given = replace(report(f=(made("rebuild", 5),)), sites=(held,))
    assert only(given, compared(data="held")).outcome is Outcome.FOLLOWS
    assert only(given, compared(data="other")).outcome is Outcome.UNDECIDED


def test_data_that_change_without_a_site_are_told_but_for_those_of_a_function() -> None:
    given = report(f=(made("rebuild"),))
    found = proved(given, compared(changed="f", data="table lonely", users={"table": frozenset({"f"})}))
    assert [u.name for u in found.unexplained] == ["lonely"]


def test_of_several_safe_sites_none_is_blamed_but_the_function_is_told() -> None:
    found = proved(report(f=(made("safe", 1), made("safe", 2))), compared(changed="f"))
    assert {p.outcome for p in found.proofs} == {Outcome.UNDECIDED}
    assert [u.name for u in found.unexplained] == ["f"]


STOP = Stop("a.c", 7, "BUILD_BUG_ON failed: x", frozenset({"f"}), frozenset({("a.c", 7)}))


def test_a_guard_is_known_by_its_line_or_its_function() -> None:
    by_line, by_function = made("build-fails", 7, "g"), made("build-fails", 3, "f")
    found = proved(report(f=(by_function,), g=(by_line,)), UnitProof(UNIT, stops=(STOP,)))
    assert [(p.outcome, p.decides) for p in found.proofs] == [(Outcome.GUARD, True)] * 2
    assert "BUILD_BUG_ON failed: x" in found.proofs[0].why
    assert not found.contradictions


@pytest.mark.parametrize(("line", "outcome"), [(5, Outcome.GUARD), (4, Outcome.UNDECIDED), (8, Outcome.UNDECIDED)])
def test_a_guard_of_three_lines_is_known_by_any_of_them(line: int, outcome: Outcome) -> None:
    guard = made("build-fails", line, "g")
    guard = replace(guard, site=replace(guard.site, end_line=line + 2))
    assert only(report(g=(guard,)), UnitProof(UNIT, stops=(STOP,))).outcome is outcome


def test_a_guard_outside_of_any_function_is_known_by_its_line() -> None:
    guard = made("build-fails", 7, "", "assert/build")
    given = replace(report(f=(made("safe", 2),)), sites=(made("safe", 2), guard))
    found = proved(given, UnitProof(UNIT, stops=(replace(STOP, functions=frozenset()),)))
    assert found.proofs[1].outcome is Outcome.GUARD and not found.unexplained


def test_a_stop_elsewhere_is_no_proof_and_told() -> None:
    given = report(g=(made("build-fails", 3, "g"), made("rebuild", 9, "g")))
    found = proved(given, UnitProof(UNIT, stops=(STOP,)))
    assert {p.outcome for p in found.proofs} == {Outcome.UNDECIDED}
    assert [(u.name, u.message) for u in found.unexplained] == [("a.c:7", "BUILD_BUG_ON failed: x")]


def test_only_the_sites_asked_for() -> None:
    given = report(f=(made("rebuild", 1), made("rebuild", 2)))
    found = judge(given, "insert-head", [given.sites[0].id], [compared(changed="f")])
    assert [p.site for p in found.proofs] == [given.sites[0].id]
