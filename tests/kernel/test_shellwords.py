# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kernel.shellwords import statements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b; c", [["a", "b"], ["c"]]),
        ("trap 'rm -f x; kill $$' HUP; gcc -c", [["trap", "rm -f x; kill $$", "HUP"], ["gcc", "-c"]]),
        ("-DM='\"ptrace\"'", [['-DM="ptrace"']]),
        ("fixdep 'gcc -DM='\\''\"x\"'\\'' y'", [["fixdep", "gcc -DM='\"x\"' y"]]),
        ('-DA="a \\"b\\" \\c"', [['-DA=a "b" \\c']]),
        ("a\\ b ''", [["a b", ""]]),
        ("a # b; c", [["a"]]),
        ("a#b \\#c", [["a#b", "#c"]]),
        ("a && b || c | d > e", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ("a $(touch x) `touch y`", [["a", "$"], ["touch", "x"], ["`touch", "y`"]]),
        (" ;; ", []),
    ],
)
def test_words(text: str, expected: list[list[str]]) -> None:
    assert list(statements(text)) == expected


@pytest.mark.parametrize("text", ["a 'b", 'a "b', "a \\", 'a "b\\'])
def test_open_quote_is_an_error_after_the_whole_commands(text: str) -> None:
    found = statements("gcc -c; " + text)
    assert next(found) == ["gcc", "-c"]
    with pytest.raises(ValueError, match="open quote at character"):
        next(found)


@given(st.lists(st.text(min_size=0, max_size=12), min_size=1, max_size=8))
def test_reads_what_shlex_writes(words: list[str]) -> None:
    assert list(statements(shlex.join(words))) == [words]


@pytest.mark.parametrize("text", ["'" * 200_001, '"\\' * 200_000, "a'\"" * 200_000, "\\" * 200_001])
def test_hostile_quoting_ends(text: str) -> None:
    # Long enough that work for the square of its length would not end while somebody waits.
    with pytest.raises(ValueError, match="open quote"):
        list(statements(text))
