# SPDX-License-Identifier: GPL-2.0-only
"""fixtures/text: every site that the text alone shows is expected, and every expectation is met."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.evidence.text.read import read_texts
from auditor.judge import rules
from auditor.judge.verdicts import judge
from auditor.layouts.effects import effects
from auditor.layouts.proposals import load_all
from auditor.model import Field, JudgedSite, Layout, Site
from tests.evidence.expectations import differences, expected, reported

ROOT = Path(__file__).parents[2] / "fixtures" / "text"
FILES = sorted(p.relative_to(ROOT).as_posix() for p in ROOT.rglob("*.*"))
MEMBERS = (
    "r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di", "orig_ax", "ip",
    "cs", "flags", "sp", "ss",
)  # fmt: skip
LAYOUT = Layout("pt_regs", "x86_64", 168, 8, tuple(Field(m, "unsigned long", 8 * i, 8) for i, m in enumerate(MEMBERS)))


@pytest.fixture(scope="module")
def sites() -> list[Site]:
    found, problems = read_texts(((f, (ROOT / f).read_bytes()) for f in FILES), "pt_regs", "x86_64")
    assert problems == []
    return found


@pytest.mark.parametrize("name", FILES)
def test_file(sites: list[Site], name: str) -> None:
    own = [s for s in sites if s.file == name]
    verdicts = judge(own, rules.by_id(), [(p, effects(LAYOUT, p)) for p in load_all().values()])
    judged = [JudgedSite("", 0, s, v) for s, v in zip(own, verdicts, strict=True)]
    assert differences(expected(ROOT, [name]), reported(judged)) == []


def test_all_of_it_is_evidence_by_text(sites: list[Site]) -> None:
    assert {s.evidence for s in sites} == {"syntactic"}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_holds_look_alikes_holds_nothing_else(name: str) -> None:
    if "/no-" in name:
        assert not expected(ROOT, [name])
