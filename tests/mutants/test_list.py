# SPDX-License-Identifier: GPL-2.0-only
"""The list of mutants fits the code that it wants to change, so that `make mutants` cannot rot unseen."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from tests.mutants.mutants import ROOT, ListError, Mutant, load
from tests.mutants.run import REQUIRED

MUTANTS = load()


def test_sixty_with_names_of_their_own() -> None:
    assert len(MUTANTS) == 60
    assert len({m.name for m in MUTANTS}) == 60
    assert len({(m.file, m.find, m.replace) for m in MUTANTS}) == 60
    assert REQUIRED == 58


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_each_changes_one_place_and_still_loads(mutant: Mutant) -> None:
    text = mutant.applied((ROOT / mutant.file).read_text(encoding="utf-8"))
    if mutant.file.endswith(".py"):
        ast.parse(text)
    elif mutant.file.endswith(".toml"):
        tomllib.loads(text)
    assert mutant.why.endswith(".") and not mutant.may_crash


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_each_is_our_own_code_and_its_tests_exist(mutant: Mutant) -> None:
    assert mutant.file.split("/")[0] in {"auditor", "rules", "fixtures"}
    assert mutant.tests
    for name in mutant.tests:
        assert name.startswith("tests/") and (ROOT / name).exists(), name
        assert "mutants" not in name, "the list is not tested by itself"


def test_a_text_that_is_not_there_or_there_twice_is_an_error() -> None:
    mutant = Mutant("m", "auditor/model.py", "x = 1", "x = 2", "why.", (), False)
    assert mutant.applied("x = 1\n") == "x = 2\n"
    with pytest.raises(ListError, match="0 times"):
        mutant.applied("y = 1\n")
    with pytest.raises(ListError, match="2 times"):
        mutant.applied("x = 1\nx = 1\n")


def test_an_unknown_or_missing_key_is_an_error(tmp_path: Path) -> None:
    entry = '[[mutant]]\nname = "m"\nfile = "f"\nfind = "a"\nreplace = "b"\n'
    path = tmp_path / "mutants.toml"
    path.write_text(entry)
    with pytest.raises(ListError, match="'why' is missing"):
        load(path)
    path.write_text(entry + 'why = "w"\nkind = "k"\n')
    with pytest.raises(ListError, match="unknown key 'kind'"):
        load(path)
    path.write_text(entry + 'why = "w"\n')
    assert load(path)[0].tests == ("tests/evidence", "tests/judge")
