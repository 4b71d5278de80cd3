# SPDX-License-Identifier: GPL-2.0-only
"""The older version as a baseline, beside the user's own."""

from __future__ import annotations

import pytest

from auditor.change.compare import as_baseline
from auditor.gate.baseline import Baseline
from auditor.gate.thresholds import Thresholds
from auditor.model import Verdict
from tests.gate.samples import made_of, place, report

ABI = Thresholds(Verdict.ABI)


def known(now: str, accepted: Baseline | None) -> list[tuple[str, str]]:
    """(verdict, reason) of what the older version has, with one place of this verdict."""
    made = as_baseline(report(place(1, head=now)), ABI, "v1", accepted)
    return [(e.verdict.value, e.reason) for e in made.entries]


def test_without_a_baseline_of_the_user() -> None:
    assert known("abi", None) == [("abi", "there in v1")]
    assert known("rebuild", None) == []


@pytest.mark.parametrize(
    ("now", "accepted", "counts"),
    [
        ("abi", "break", ("break", "the user's")),
        ("break", "abi", ("break", "there in v1")),
        ("abi", "abi", ("abi", "the user's")),
    ],
)
def test_of_two_entries_the_worse_counts(now: str, accepted: str, counts: tuple[str, str]) -> None:
    assert known(now, made_of(place(1, head=accepted), reason="the user's", thresholds=ABI)) == [counts]


def test_what_only_the_user_accepts_is_known_too() -> None:
    assert known("safe", made_of(place(2), reason="the user's")) == [("break", "the user's")]
