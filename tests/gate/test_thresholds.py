# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from auditor.gate.gate import failing
from auditor.gate.thresholds import Thresholds, thresholds
from auditor.model import Verdict
from tests.gate.samples import place, report

STRICTER = Thresholds(Verdict.BREAK, {"raw-offset": Verdict.REVIEW})
NEVER = Thresholds(Verdict.SAFE, {"raw-offset": None})


def test_a_kind_goes_before_the_default() -> None:
    undecided = report(place(1, head="review"), place(2, head="review", rule="order/index"))
    assert [s.site.kind for s in failing(undecided.sites, STRICTER)] == ["raw-offset"]
    assert [s.site.kind for s in failing(undecided.sites, NEVER)] == ["order"]


def test_never_at_all() -> None:
    assert not Thresholds(default=None).reached("order", Verdict.BREAK)


def test_words() -> None:
    assert str(Thresholds()) == "break"
    assert str(Thresholds(Verdict.ABI)) == "abi or worse"
    assert str(STRICTER) == "break (raw-offset: review or worse)"
    assert str(NEVER) == "safe or worse (raw-offset: never)"
    assert thresholds(Verdict.ABI) == Thresholds(Verdict.ABI)
