# SPDX-License-Identifier: GPL-2.0-only
"""Inline ignores, as files have them: which lines they speak of, and what is none."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kernel import ignores
from auditor.kernel.ignores import Noted, ignores_in


def found(text: str, path: str = "a.c") -> tuple[Noted, ...]:
    return ignores_in(path, textwrap.dedent(text).encode())


def one(text: str, path: str = "a.c") -> Noted:
    (noted,) = found(text, path)
    return noted


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("x = y; /* ptregs-audit: ignore[size/copy] known */", "a.c"),
        ("x = y; // ptregs-audit: ignore[size/copy] known", "a.h"),
        ("x = y; //ptregs-audit:ignore [ size/copy ]   known  ", "a.inc"),
        ("mov %rax, 8(%rsp) # ptregs-audit: ignore[size/copy] known", "entry.S"),
        ("mov %rax, 8(%rsp) /* ptregs-audit: ignore[size/copy] known */", "entry.S"),
        ("#define X y /* ptregs-audit: ignore[size/copy] known */ \\", "a.h"),
        ("x = y; /* ptregs-audit: ignore[size/copy] known", "a.c"),
        ("x = y; /* ptregs-audit: ignore[size/copy] known */\r", "a.c"),
        ('x = \'"\'; s = "/* \\" */"; // ptregs-audit: ignore[size/copy] known', "a.c"),
    ],
)
def test_behind_code_it_speaks_of_its_line(text: str, path: str) -> None:
    assert one(f"\n{text}\n", path) == Noted(2, (2, 2), 0, ("size/copy",), "known")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("  /* ptregs-audit: ignore[size/copy] known */", "a.c"),
        ("// ptregs-audit: ignore[size/copy] known", "a.c"),
        ("# ptregs-audit: ignore[size/copy] known", "a.S"),
        ("\t/* ptregs-audit: ignore[size/copy] known */ \\", "a.h"),
        ("/* ptregs-audit: ignore[size/copy] known */ /* and more */", "a.h"),
    ],
)
def test_alone_it_speaks_of_the_line_below(text: str, path: str) -> None:
    assert one(f"\n{text}\ncode;\n", path) == Noted(2, (2, 2), 3, ("size/copy",), "known")


def test_a_comment_of_several_lines() -> None:
    noted = one(
        """\
        /*
         * Why this is done.
         * ptregs-audit: ignore[size/copy, size/clear] the hardware
         * writes it
         */
        code;
        """
    )
    assert noted == Noted(1, (1, 5), 6, ("size/copy", "size/clear"), "the hardware writes it")


def test_code_on_its_first_or_last_line() -> None:
    assert one("a; /* ptregs-audit: ignore[x/y] r\n */\nb;").lines == (1, 1)
    assert one("/* ptregs-audit: ignore[x/y] r\n */ b;").lines == (2, 2)
    assert one("a; /* ptregs-audit: ignore[x/y] r\n */ b;").lines == (1, 2)


def test_several_above_one_line() -> None:
    text = "// ptregs-audit: ignore[a/b] one\n/* ptregs-audit: ignore[c/d] two */\ncode;\n"
    assert [(n.line, n.below, n.rules) for n in found(text)] == [(1, 3, ("a/b",)), (2, 3, ("c/d",))]
    both = "/*\n * ptregs-audit: ignore[a/b] one\n * ptregs-audit: ignore[c/d] two\n */\ncode;\n"
    assert [(n.below, n.rules, n.reason) for n in found(both)] == [(5, ("a/b",), "one"), (5, ("c/d",), "two")]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('s = "/* ptregs-audit: ignore[size/copy] known */";', "a.c"),
        ("/* see ptregs-audit: ignore[size/copy] known */", "a.c"),
        ("x # ptregs-audit: ignore[size/copy] known", "a.c"),
        ("ptregs-audit: ignore[size/copy] known", "a.c"),
        ("/* ptregs-audit: ignore[size/copy] known */", "README.rst"),
        ("/* ptregs-audit: ignore[size/copy] known */", "Makefile"),
        ("#define PASTE(a, b) a##b", "a.S"),
    ],
)
def test_what_is_none(text: str, path: str) -> None:
    assert found(text, path) == ()


@pytest.mark.parametrize(
    "words", ["ignore", "ignore size/copy known", "ignored[size/copy] known", "ignore[size/copy known", "", "ignore[]x"]
)
def test_malformed(words: str) -> None:
    noted = one(f"x; // ptregs-audit: {words}\n")
    assert (noted.line, noted.rules) == (1, ())
    assert "ignore[rule] reason" in noted.malformed


def test_without_a_reason() -> None:
    assert one("x; /* ptregs-audit: ignore[size/copy] */") == Noted(1, (1, 1), 0, ("size/copy",), "")


def test_limits() -> None:
    line = "x; // ptregs-audit: ignore[size/copy] known\n"
    many = found(line * (ignores.MAX_PER_FILE + 5))
    assert len(many) == ignores.MAX_PER_FILE + 1
    assert many[-1].malformed == "more than 500 ignores in one file"
    assert "longer than 400" in one(f"// ptregs-audit: ignore[a/b] {'x' * 401}").malformed
    assert "more than 16 rules" in one(f"// ptregs-audit: ignore[{','.join(f'a/{n}' for n in range(17))}] x").malformed
    assert "longer than 60" in one(f"// ptregs-audit: ignore[{'a' * 61}] x").malformed


def test_a_file_that_nobody_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignores, "MAX_BYTES", 10)
    assert "no ignore is looked for" in one("x; // ptregs-audit: ignore[size/copy] known").malformed


@pytest.mark.parametrize(
    "part", ['"\\', "'", "#", "# ", "//\\\n", "/* ", "/* ptregs-audit: ", "\n ptregs-audit: ignore"]
)
def test_long_texts_that_never_end(part: str) -> None:
    """Were one of them to take the square of its length, this would not end either."""
    for path in ("a.c", "a.S"):
        assert len(found("ptregs-audit:" + part * (4_000_000 // len(part)), path)) <= ignores.MAX_PER_FILE + 1


def test_bytes_that_are_no_text() -> None:
    (noted,) = ignores_in("a.c", b"x; // ptregs-audit: ignore[a/b] \xff\x1b\n")
    assert noted.reason == "\\xff\x1b"


@given(st.lists(st.sampled_from(["/*", "*/", "//", '"', "'", "\\", "\n", "x", "#", " ptregs-audit: ignore[a/b] r "])))
def test_any_text_gives_lines_of_the_file(parts: list[str]) -> None:
    text = "".join(parts)
    for path in ("a.c", "a.S"):
        for noted in ignores_in(path, text.encode()):
            first, last = noted.lines
            assert 1 <= noted.line <= first <= last <= text.count("\n") + 1
