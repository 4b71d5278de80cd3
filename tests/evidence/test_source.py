# SPDX-License-Identifier: GPL-2.0-only
"""Source text by byte offset, as libclang counts it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence.c.source import Source, Sources, match_parenthesis, one_line


def source(directory: Path, text: str | bytes) -> Source:
    path = directory / "a.c"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Source(str(path))


def test_offsets_are_bytes(tmp_path: Path) -> None:
    data = "/* é漢 */ ip\n/* ü */ sp".encode() + b" \xff\xfe bx"
    found = source(tmp_path, data)
    assert len(found.text) == len(data)
    for name in ("ip", "sp", "bx"):
        assert found.identifier(data.index(name.encode())) == name
    assert found.line_of(data.index(b"sp")) == (2, 10)


def test_a_missing_file_is_empty(tmp_path: Path) -> None:
    found = Source(str(tmp_path / "missing.c"))
    assert (found.text, found.identifier(0), found.call_end(0), found.snippet(0, 10)) == ("", "", 0, "")
    assert found.line_of(0) == (1, 1)
    assert Source(str(tmp_path)).text == ""


def test_lines_and_columns(tmp_path: Path) -> None:
    found = source(tmp_path, "ab\n\nc\n")
    assert [found.line_of(n) for n in range(6)] == [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (3, 2)]
    assert found.line_of(6) == (4, 1)


def test_identifiers(tmp_path: Path) -> None:
    found = source(tmp_path, "a1_b 2c (d)")
    assert [found.identifier(n) for n in (0, 1, 5, 6, 8, 9, 99)] == ["a1_b", "", "", "c", "", "d", ""]


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("NAME + 1", "NAME"),
        ("NAME(a, b) + 1", "NAME(a, b)"),
        ("NAME (a)(b)", "NAME (a)"),
        ("NAME\n(\n a\n) + 1", "NAME\n(\n a\n)"),
        ("NAME((a), (b)) + 1", "NAME((a), (b))"),
        ('NAME(")", a) + 1', 'NAME(")", a)'),
        ("NAME(')', a) + 1", "NAME(')', a)"),
        (r"NAME('\'', ')') + 1", r"NAME('\'', ')')"),
        (r'NAME("\")", a) + 1', r'NAME("\")", a)'),
        ("NAME(a /* ) */, b) + 1", "NAME(a /* ) */, b)"),
        ("NAME(a, // )\n b) + 1", "NAME(a, // )\n b)"),
        ("NAME(a / b) + 1", "NAME(a / b)"),
        ("NAME(a", "NAME(a"),
        ("+ 1", ""),
    ],
)
def test_the_text_that_an_expansion_replaces(tmp_path: Path, text: str, call: str) -> None:
    assert text[: source(tmp_path, text).call_end(0)] == call


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a +\n\tb", "a + b"),
        ("a /* x\n y */ + b", "a + b"),
        ("a // x\n + b", "a + b"),
        ("a + \\\n\tb", "a + b"),
        ("  a  ", "a"),
        ("a" * 20, "a" * 7 + "..."),
        ("é".encode().decode("latin-1"), "é"),
        ("\xff", "\\xff"),
    ],
)
def test_one_line(text: str, line: str) -> None:
    assert one_line(text, 10) == line


def test_a_snippet_is_bounded(tmp_path: Path) -> None:
    found = source(tmp_path, "x + " * 100_000)
    assert len(found.snippet(0, 400_000)) == 160
    assert found.snippet(4, 5) == "x"


def test_files_are_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.h"
    path.write_text("one")
    sources = Sources()
    first = sources.get(str(path))
    path.write_text("two")
    assert sources.get(str(path)) is first
    assert first.text == "one"


@given(st.text("()\"'/*\\ab\n", max_size=60))
def test_parentheses_end_inside_the_text(text: str) -> None:
    end = match_parenthesis("(" + text, 0)
    assert 1 <= end <= len(text) + 1
    assert end == len(text) + 1 or ("(" + text)[end - 1] == ")"


@given(st.binary(max_size=200), st.integers(4, 40))
def test_any_bytes_become_one_bounded_line(data: bytes, limit: int) -> None:
    line = one_line(data.decode("latin-1"), limit)
    assert len(line) <= limit and "\n" not in line
