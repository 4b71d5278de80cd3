# SPDX-License-Identifier: GPL-2.0-only
"""Headers parsed once for many units of the real kernel: what a unit gives does not depend on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.evidence.c.job import Job, Result
from auditor.evidence.c.unit import Analyser
from auditor.evidence.prelude import share_headers
from auditor.jobs import make_jobs
from auditor.kernel.discover import discover
from auditor.kernel.mentions import Words, candidates
from auditor.kernel.tree import open_build, open_tree
from auditor.kinds.dispatch import table
from tests.evidence.test_prelude import USED, counting

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def made(kernel_paths: tuple[Path, Path]) -> list[Job]:
    tree = open_tree(kernel_paths[0])
    build = open_build(tree, kernel_paths[1])
    named = candidates(discover(tree, build).units, Words(build.arch.words))
    return share_headers(make_jobs(named, "pt_regs", tree, build.arch))


def told(result: Result) -> tuple[object, ...]:
    found = {(f.site, frozenset(f.places), frozenset(f.functions)) for f in result.found}
    return found, result.layout, result.handed_on, result.error, set(result.files)


def test_most_units_share(made: list[Job]) -> None:
    assert sum(j.prelude is not None for j in made) > len(made) / 2


def test_a_unit_gives_the_same(made: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    users = [j for j in made if j.prelude is not None]
    # Every kind of directory, and all that make the bodies of tracepoints.
    traced = [j for j in users[4:] if b"CREATE_TRACE_POINTS" in Path(j.source).read_bytes()]
    chosen = traced + users[::10]
    assert len({Path(j.source).parent for j in chosen}) > 4
    sharing, alone, seen = Analyser(table(), str(tmp_path)), Analyser(table()), counting(monkeypatch)
    for job in chosen:
        with_it, without = sharing.analyse(job), alone.analyse(job)
        assert told(with_it) == told(without), job.source
    # Where a tracepoint's header is read several times, its unit is parsed alone.
    assert seen.count(USED) > len(users[::10]) / 2, "hardly anything was shared"
