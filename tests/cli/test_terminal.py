# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.terminal import Progress, printable, styled, use_colour


@pytest.mark.parametrize(
    ("choice", "terminal", "env", "colour"),
    [
        ("auto", True, {"TERM": "xterm"}, True),
        ("auto", False, {"TERM": "xterm"}, False),
        ("auto", True, {"TERM": "dumb"}, False),
        ("auto", True, {"NO_COLOR": "1"}, False),
        ("auto", True, {"NO_COLOR": ""}, True),
        ("auto", False, {"FORCE_COLOR": "1"}, True),
        ("auto", False, {"CLICOLOR_FORCE": "1"}, True),
        ("auto", False, {"CLICOLOR_FORCE": "0"}, False),
        ("auto", True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ("auto", False, {"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        ("always", False, {"NO_COLOR": "1", "TERM": "dumb"}, True),
        ("never", True, {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colour(choice: str, terminal: bool, env: dict[str, str], colour: bool) -> None:
    assert use_colour(choice, terminal, env) is colour


@given(st.text())
def test_printable_is_one_line_without_controls(text: str) -> None:
    out = printable(text)
    assert out.isprintable() or not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in out)
    assert len(out.splitlines()) <= 1
    out.encode("utf-8")


def test_printable_leaves_code_alone() -> None:
    code = '*(u64 *)((char *)regs + 0x80) /* "ä\\n" */'
    assert printable(code) == code


def test_styles() -> None:
    assert styled("x", "bold", "red", colour=True) == "\x1b[1m\x1b[31mx\x1b[0m"
    assert styled("x", "bold", colour=False) == "x"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_names_the_unit_and_leaves_no_trace() -> None:
    stream = Terminal()
    progress = Progress(stream, {"COLUMNS": "30", "TERM": "xterm"})
    progress(1, 9, "kernel/\x1b[2Jevil.c" + "x" * 50)
    assert stream.getvalue() == "\r\x1b[K" + "[1/9] kernel/\\x1b[2Jevil.cxxxxxx"[:29]
    progress.close()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_progress_is_not_redrawn_for_every_unit() -> None:
    stream = Terminal()
    progress = Progress(stream, {"COLUMNS": "80"})
    for n in range(1000):
        progress(n, 1000, "a.c")
    assert 1 <= stream.getvalue().count("\r") < 100


@pytest.mark.parametrize("stream, env", [(io.StringIO(), {}), (Terminal(), {"TERM": "dumb"})])
def test_no_progress_elsewhere(stream: io.StringIO, env: dict[str, str]) -> None:
    progress = Progress(stream, env)
    progress(1, 2, "a.c")
    progress.close()
    assert stream.getvalue() == ""
