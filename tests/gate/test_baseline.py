# SPDX-License-Identifier: GPL-2.0-only
"""What is new, unchanged, fixed and stale; what an update keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.errors import InputError
from auditor.gate.baseline import Updated, updated
from auditor.gate.gate import failing, gate, without_suppressed
from auditor.gate.thresholds import Thresholds
from auditor.model import Report, Suppression, Verdict
from tests.gate.samples import BREAK, EMPTY, RULES, against, ignore, made_of, place, report

ABI = Thresholds(Verdict.ABI)


def states(found: Report) -> list[dict[str, str]]:
    return [dict(s.baseline) for s in found.sites]


def fails(found: Report, thresholds: Thresholds = BREAK) -> list[str]:
    return [s.id[-1] for s in failing(found.sites, thresholds)]


def test_unchanged_is_suppressed_with_the_reason_of_its_entry() -> None:
    found = against(made_of(place(1), reason="since ever", author="A <a@b>"), place(1))
    assert states(found) == [{"insert-head": "unchanged"}]
    assert found.sites[0].suppressed == Suppression("baseline", "since ever", "A <a@b>")
    assert fails(found) == []


def test_a_moved_line_changes_nothing() -> None:
    assert fails(against(made_of(place(1)), replace(place(1), site=replace(place(1).site, line=77)))) == []


def test_new() -> None:
    found = against(made_of(place(1)), place(1), place(2))
    assert states(found) == [{"insert-head": "unchanged"}, {"insert-head": "new"}]
    assert fails(found) == ["2"]


def test_equal_places_are_counted() -> None:
    """Three places that differ in their ordinal only, two entries: one is new. And one less: one is stale."""
    known = made_of(place(1), place(2))
    assert fails(against(known, place(1), place(2), place(3))) == ["3"]
    found = against(known, place(1))
    assert found.comparison is not None
    assert [e.id for e in found.comparison.stale] == [place(2).id]


def test_worse_is_new() -> None:
    found = against(made_of(place(1, head="abi"), thresholds=ABI), place(1), thresholds=ABI)
    assert states(found) == [{"insert-head": "new"}]
    assert fails(found, ABI) == ["1"]


def test_worse_below_the_threshold_is_no_finding() -> None:
    known = made_of(place(1, head="review"), thresholds=Thresholds(Verdict.REVIEW))
    found = against(known, place(1, head="abi"))
    assert (states(found), fails(found)) == ([{}], [])
    assert found.comparison is not None and found.comparison.fixed == ()


@pytest.mark.parametrize("now", ["safe", "rebuild", "review"])
def test_fixed(now: str) -> None:
    found = against(made_of(place(1)), place(1, head=now))
    assert found.comparison is not None
    assert [(e.id, v.value) for e, v in found.comparison.fixed] == [(place(1).id, now)]
    assert (states(found), found.comparison.stale) == ([{}], ())


def test_better_but_still_a_finding_is_fixed_and_does_not_fail() -> None:
    found = against(made_of(place(1)), place(1, head="abi"), thresholds=ABI)
    assert found.comparison is not None
    assert len(found.comparison.fixed) == 1
    assert (states(found), fails(found, ABI)) == ([{"insert-head": "unchanged"}], [])


def test_the_same_verdict_below_a_higher_threshold_is_not_fixed() -> None:
    found = against(made_of(place(1, head="abi"), thresholds=ABI), place(1, head="abi"))
    assert found.comparison is not None and found.comparison.fixed == ()


def test_each_proposal_by_itself() -> None:
    known = made_of(place(1))
    found = against(known, place(1, extended="break"))
    assert states(found) == [{"extended": "new", "insert-head": "unchanged"}]
    assert found.sites[0].suppressed is None
    assert fails(found) == ["1"]
    (shown,) = without_suppressed(found).sites
    assert list(shown.verdicts) == ["extended"]


def test_proposals_that_only_one_side_has() -> None:
    known = made_of(place(1, extended="break"))
    one = replace(report(place(1)), proposals=report().proposals[1:])
    found = gate(one, BREAK, RULES, known)
    assert found.comparison is not None
    assert (found.comparison.other, found.comparison.stale) == (1, ())
    less = gate(report(place(1)), BREAK, RULES, replace(EMPTY, proposals=("extended",)))
    assert less.comparison is not None and less.comparison.unlisted == ("insert-head",)


def test_an_ignored_finding_is_no_news() -> None:
    found = gate(report(place(1), ignores=(ignore(10),)), BREAK, RULES, EMPTY)
    assert (states(found), fails(found)) == ([{}], [])
    assert found.sites[0].suppressed is not None and found.sites[0].suppressed.by == "ignore"


@pytest.mark.parametrize("other", [{"struct": "frame"}, {"arch": "arm64"}])
def test_another_target(other: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"^b\.json: is a baseline of struct .*expected struct pt_regs on x86_64"):
        against(replace(EMPTY, **other), place(1))  # type: ignore[arg-type]


def update(old: tuple[int, ...], *now: int, whole: bool = True, **more: str) -> Updated:
    known = made_of(*(place(n) for n in old))
    return updated(report(*(place(n, **more) for n in now)), BREAK, known, "now", "B", whole)


def signed(made: Updated) -> list[tuple[str, str, str]]:
    return [(e.id[-1], e.reason, e.author) for e in made.baseline.entries]


def test_an_update_keeps_adds_and_drops() -> None:
    made = update((1, 2), 2, 3)
    assert signed(made) == [("2", "then", "A"), ("3", "now", "B")]
    assert (made.added, made.kept, made.fixed, made.stale, made.ignored) == (1, 1, 0, 1, 0)


def test_an_update_drops_what_is_fixed() -> None:
    made = update((1,), 1, head="rebuild")
    assert (signed(made), made.fixed) == ([], 1)


def test_an_update_follows_a_better_verdict_and_keeps_its_reason() -> None:
    better = updated(report(place(1, head="abi")), ABI, made_of(place(1)), "now", "B").baseline
    assert [(e.verdict, e.reason) for e in better.entries] == [(Verdict.ABI, "then")]
    worse = updated(report(place(1)), ABI, better, "now", "B").baseline
    assert [(e.verdict, e.reason) for e in worse.entries] == [(Verdict.BREAK, "now")]


def test_where_units_failed_nothing_is_stale() -> None:
    made = update((1, 2), 2, whole=False)
    assert ([e[0] for e in signed(made)], made.stale) == (["1", "2"], 0)


def test_an_update_leaves_other_proposals_alone() -> None:
    known = made_of(place(1, extended="break"))
    head_only = replace(report(), proposals=report().proposals[1:])
    made = updated(head_only, BREAK, known, "now", "B")
    assert [e.proposal for e in made.baseline.entries] == ["extended"]
    assert made.baseline.proposals == ("extended", "insert-head")


def test_what_the_source_ignores_is_not_recorded() -> None:
    marked = gate(report(place(1), ignores=(ignore(10),)), BREAK, RULES)
    made = updated(marked, BREAK, made_of(place(1)), "now", "B")
    assert (signed(made), made.ignored) == ([], 1)


def test_what_was_accepted_below_the_threshold_stays() -> None:
    known = made_of(place(1, head="review"), thresholds=Thresholds(Verdict.REVIEW))
    made = updated(report(place(1, head="review")), BREAK, known, "", "")
    assert (len(made.baseline.entries), made.added) == (1, 0)


def test_to_update_again_changes_nothing() -> None:
    once = update((1, 2), 3, 2)
    again = updated(report(place(2), place(3)), BREAK, once.baseline, "later", "C")
    assert again.baseline == once.baseline
