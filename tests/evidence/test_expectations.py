# SPDX-License-Identifier: GPL-2.0-only
"""Every site of the fixtures is expected, and every expectation is met: line, rule and the verdict of each proposal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.audit import run_audit
from auditor.collect import AuditRequest
from auditor.evidence.c.job import Job
from auditor.evidence.c.unit import Analyser
from auditor.judge import rules
from auditor.judge.verdicts import judge
from auditor.kinds.dispatch import table
from auditor.layouts.effects import effects
from auditor.layouts.proposals import load_all
from auditor.merge import merge
from auditor.model import JudgedSite, Unit
from tests.evidence.expectations import differences, expected, reported

FIXTURES = Path(__file__).parents[2] / "fixtures"
SINGLE = sorted(p.relative_to(FIXTURES).as_posix() for d in ("cases", "history") for p in (FIXTURES / d).rglob("*.c"))
FLAGS = ("-nostdinc", "--target=x86_64-linux-gnu", "-std=gnu11", "-w", "-ferror-limit=0")


def test_minikernel() -> None:
    tree = FIXTURES / "minikernel"
    report = run_audit(AuditRequest(tree=tree, jobs=2))
    assert report.runs[0].coverage.units_failed == ()
    files = sorted(p.relative_to(tree).as_posix() for p in tree.rglob("*.[chS]"))
    wanted = expected(tree, files)
    assert sum(wanted.values()) > 200
    assert differences(wanted, reported(report.sites)) == []


@pytest.fixture(scope="module")
def analyser() -> Iterator[Analyser]:
    yield Analyser(table())


@pytest.mark.parametrize("name", SINGLE)
def test_single_file(analyser: Analyser, name: str) -> None:
    filled = frozenset({"ftrace_regs"})
    job = Job(str(FIXTURES / name), name, str(FIXTURES), FLAGS, str(FIXTURES), "pt_regs", "x86_64", filled)
    result = analyser.analyse(job)
    assert result.error == ""
    assert result.layout is not None
    proposals = [(p, effects(result.layout, p)) for p in load_all().values()]
    sites, _ = merge({name: result}, {name: Unit(name, name, str(FIXTURES), ())})
    verdicts = judge(sites, rules.by_id(), proposals)
    own = [JudgedSite("", 0, s, v) for s, v in zip(sites, verdicts, strict=True) if s.file == name]
    assert differences(expected(FIXTURES, [name]), reported(own)) == []
