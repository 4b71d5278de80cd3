# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.model import JudgedSite
from auditor.reports.answers import answers
from tests.reports.factory import judged, make_report, site, verdict
from tests.reports.written import written


def asked(rule: str, *verdicts: str) -> dict[str, str]:
    """The answers for a report whose sites all have this rule, and these verdicts."""
    sites: list[JudgedSite] = [
        judged({"extended": verdict(v), "insert-head": verdict("safe")}, site(rule, f"{v}.c", n, f"e{n}"))
        for n, v in enumerate(verdicts, 1)
    ]
    return dict(answers(make_report(*sites), "extended"))


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        (["safe", "rebuild"], "isolated"),
        (["safe", "review"], "undecided"),
        (["review", "build-fails"], "undecided"),
        (["safe", "build-fails"], "guarded, the build stops"),
        (["review", "abi", "safe"], "not isolated"),
        (["break"], "not isolated"),
    ],
)
def test_the_state_follows_from_the_verdicts(verdicts: list[str], state: str) -> None:
    assert asked("uapi-export/by-name", *verdicts)["signals, ptrace"].startswith(f"{state}. ")


@pytest.mark.parametrize(
    ("rule", "question"),
    [
        ("uapi-export/regset", "signals, ptrace"),
        ("order/index", "signals, ptrace"),
        ("bpf-ctx/program-context", "BPF"),
        ("uapi-export/user-twin", "BPF"),
        ("raw-offset/below", "below the struct"),
        ("stack-position/below", "below the struct"),
        ("fabricated/local", "below the struct"),
        ("cast/to-struct", "below the struct"),
    ],
)
def test_each_rule_answers_one_question(rule: str, question: str) -> None:
    answered = [title for title, text in asked(rule, "break").items() if not text.startswith("no answer")]
    assert answered == [question]


def test_other_kinds_answer_nothing() -> None:
    assert all(text.startswith("no answer. ") for text in asked("field/read", "break").values())


def test_numbers_and_places_are_the_sites_own() -> None:
    text = asked("bpf-ctx/tracepoint", "abi", "abi", "abi", "review", "safe")["BPF"]
    assert "5 places; 3 abi (abi.c:1:5, abi.c:2:5), 1 review (review.c:4:5), 1 safe." in text


def test_examples_come_from_different_files() -> None:
    sites = [
        judged({"extended": verdict("break"), "insert-head": verdict("safe")}, site("cast/to-struct", f, n, "x"))
        for n, f in enumerate(["a.c", "a.c", "b.c"], 1)
    ]
    assert "3 break (a.c:1:5, b.c:3:5)" in dict(answers(make_report(*sites), "extended"))["below the struct"]


def test_another_architectures_struct_is_no_answer() -> None:
    verdicts = {"extended": verdict("safe"), "insert-head": verdict("safe")}
    own = site("uapi-export/regset", "arch/x86/a.c", 1, "x")
    other = replace(site("uapi-export/regset", "arch/arm64/a.c", 1, "x"), traits=frozenset({"struct-of=arm64"}))
    report = make_report(judged(verdicts, own), judged(verdicts, other))
    assert "1 place; 1 safe (arch/x86/a.c:1:5)" in dict(answers(report, "extended"))["signals, ptrace"]
    assert dict(answers(make_report(judged(verdicts, other)), "extended"))["signals, ptrace"].startswith("no answer. ")
    assert "2 sites (1 on the struct of another architecture); 0 with a verdict" in written("text", report)
