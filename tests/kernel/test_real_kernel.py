# SPDX-License-Identifier: GPL-2.0-only
"""On a real kernel: PTREGS_KERNEL_TREE, PTREGS_KERNEL_BUILD, and PTREGS_KERNEL_COMPDB if its commands lie elsewhere."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from clang import cindex

from auditor.kernel.coverage import Looked, coverage
from auditor.kernel.discover import discover
from auditor.kernel.flags import clang_arguments
from auditor.kernel.mentions import Words, candidates, index
from auditor.kernel.tree import Build, Tree, open_build, open_tree
from auditor.kernel.units import Commands, source_path

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def real(kernel_paths: tuple[Path, Path]) -> tuple[Tree, Build, Commands]:
    tree = open_tree(kernel_paths[0])
    build = open_build(tree, kernel_paths[1])
    named = os.environ.get("PTREGS_KERNEL_COMPDB")
    return tree, build, discover(tree, build, Path(named) if named else None)


def test_units_of_the_entry_code_are_there(real: tuple[Tree, Build, Commands]) -> None:
    _, _, commands = real
    assert {"arch/x86/kernel/ptrace.o", "arch/x86/kernel/asm-offsets.s"} <= {u.object for u in commands.units}
    assert "arch/x86/entry/entry_64.o" in {u.object for u in commands.assembly_units}
    assert not [u for u in commands.units if u.object.startswith("tools/") or "-D__KERNEL__" not in u.arguments]


def test_random_candidates_parse_without_an_error(real: tuple[Tree, Build, Commands]) -> None:
    _, build, commands = real
    found = candidates(commands.units, Words(build.arch.words))
    parser = cindex.Index.create(excludeDecls=True)
    for unit in random.Random(1).sample(found, 5):
        parsed = parser.parse(str(source_path(unit)), args=list(clang_arguments(unit, build.arch).arguments))
        assert [d for d in parsed.diagnostics if d.severity >= cindex.Diagnostic.Error] == [], unit.source


def test_every_mention_has_a_reason(real: tuple[Tree, Build, Commands]) -> None:
    tree, build, commands = real
    found = index(tree.root, Words(build.arch.words), skip=[build.directory])
    assert len(found.mentions) > 1000
    assert found.unread == ()
    looked = Looked(
        build.arch.directory,
        commands.units,
        frozenset(u.object for u in candidates(commands.units, Words(build.arch.words))),
        failures=commands.failures,
        assembly_units=commands.assembly_units,
    )
    result = coverage(found.mentions, looked)
    assert 0 < result.mentions_covered < result.mentions
    assert result.mentions_covered + len(result.uncovered) == result.mentions
    assert all(u.why for u in result.uncovered)
