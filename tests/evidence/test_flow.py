# SPDX-License-Identifier: GPL-2.0-only
"""Where a pointer into the struct points to after branches, loops and arithmetic: which bytes a raw access reaches."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evidence.snippets import sites_of, told

Told = list[tuple[str, tuple[int, int] | None]]
RUN_TIME: Told = [("raw-offset/computed", None)]
WORDS: Told = [("cast/to-words", None)]


def at(*offsets: int) -> Told:
    """Constant offsets of words inside the struct."""
    return [("raw-offset/constant", (n, n + 8)) for n in offsets]


def function(body: str) -> str:
    return f"u64 f(struct pt_regs *regs, int n)\n{{\n{body}\n}}\n"


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("return *(u64 *)((char *)regs + 8);", at(8)),
        ("return *(u64 *)(8 + (char *)regs);", at(8)),
        ("return *(u64 *)((char *)regs + 24 - 8);", at(16)),
        ("return *(u64 *)((char *)regs - 8);", [("raw-offset/below", (-8, 0))]),
        ("return *(u64 *)((char *)regs + 168);", [("raw-offset/past-end", (168, 176))]),
        ("return *(u64 *)((char *)regs + 161);", [("raw-offset/past-end", (161, 169))]),
        ("return *(u64 *)((char *)regs + 160);", at(160)),
        ("return *(u32 *)((char *)regs + 4);", [("raw-offset/constant", (4, 8))]),
        ("return *((u8 *)regs + 4);", [("raw-offset/constant", (4, 5))]),
    ],
)
def test_constants(tmp_path: Path, body: str, wanted: Told) -> None:
    assert told(tmp_path, function(body)) == wanted


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("return ((u64 *)regs)[3];", at(24)),
        ("return 3[(u64 *)regs];", at(24)),
        ("return ((u32 *)regs)[3];", [("raw-offset/constant", (12, 16))]),
        ("return ((u64 *)regs)[-1];", [("raw-offset/below", (-8, 0))]),
        ("return ((u64 *)regs)[n];", WORDS),
        ("return ((u8 *)regs)[n];", RUN_TIME),
        ("const int k = 3; return ((u64 *)regs)[k];", at(24)),
        ("int k = 3; k = 4; return ((u64 *)regs)[k];", at(32)),
        ("int k = 3; k = n; return ((u64 *)regs)[k];", WORDS),
        ("int k = 2; int j = k + 1; return ((u64 *)regs)[j * 2 - k];", at(32)),
        ("enum { K = 3 }; return ((u64 *)regs)[K];", at(24)),
        ("int k; if (n) k = 8; return *(u64 *)((char *)regs + k);", RUN_TIME),
    ],
)
def test_indices_and_const_locals(tmp_path: Path, body: str, wanted: Told) -> None:
    assert told(tmp_path, function(body)) == wanted


def test_a_constant_of_the_file_is_one(tmp_path: Path) -> None:
    assert told(tmp_path, "static const int K = 3;\n" + function("return ((u64 *)regs)[K];")) == at(24)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("unsigned long a = (unsigned long)regs; a += 8; a -= 16; a += 32; return *(u64 *)a;", at(24)),
        ("unsigned long a = (unsigned long)regs; a += n; return *(u64 *)a;", RUN_TIME),
        ("u64 *p = (u64 *)regs; p += 2; return *p;", at(16)),
        ("u64 *p = (u64 *)regs + 4; p -= 2; return *p;", at(16)),
        ("u64 *p = (u64 *)regs; return *++p;", at(8)),
        ("u64 *p = (u64 *)regs; return *--p;", [("raw-offset/below", (-8, 0))]),
        ("u64 *p = (u64 *)regs; p++; p++; p--; return *p;", at(8)),
        ("u32 *p = (u32 *)regs; p++; return *p;", [("raw-offset/constant", (4, 8))]),
        ("unsigned long a = (unsigned long)regs; a++; return *(u8 *)a;", [("raw-offset/constant", (1, 2))]),
        ("char *p = (char *)regs; p = p + 8; p = p + 8; return *(u64 *)p;", at(16)),
        ("void *p = regs; void *q = p + 8; p = q + 8; return *(u64 *)q + *(u64 *)p;", at(8, 16)),
    ],
)
def test_compound_assignment_and_increment(tmp_path: Path, body: str, wanted: Told) -> None:
    assert told(tmp_path, function(body)) == wanted


def test_a_pointer_that_is_set_to_something_else_is_left_alone(tmp_path: Path) -> None:
    body = "char *p = (char *)regs; p = (char *)current; return *(u64 *)(p + 8);"
    assert told(tmp_path, function(body)) == []


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("if (n) p = p + 8; else p = p + 8; return *(u64 *)p;", at(8)),
        ("if (n) p = p + 8; else p = p + 16; return *(u64 *)p;", RUN_TIME),
        ("if (n) p = p + 8; return *(u64 *)p;", RUN_TIME),
        ("if (n) { p += 8; return *(u64 *)p; } return *(u64 *)(p + 16);", at(8, 16)),
        ("if (n) p += 8; else return 0; return *(u64 *)p;", at(8)),
        ("if (n) { if (n > 1) p += 8; else p += 8; } else { p += 8; } return *(u64 *)p;", at(8)),
        ("if (n) { if (n > 1) p += 8; } else { p += 8; } return *(u64 *)p;", RUN_TIME),
        ("return *(u64 *)(n ? p + 8 : p + 8);", at(8)),
        ("return *(u64 *)(n ? p + 8 : p + 16);", RUN_TIME),
        ("int k = n ? 8 : 16; return *(u64 *)(p + k);", RUN_TIME),
        ("int k = 8; if (n) k = 16; return *(u64 *)(p + k);", RUN_TIME),
        ("int k = 8; if (n) n = 16; return *(u64 *)(p + k);", at(8)),
        ("return (p = p + 16, *(u64 *)p);", at(16)),
        ("return (n++, *(u64 *)(p + 8));", at(8)),
    ],
)
def test_branches_ternary_comma(tmp_path: Path, body: str, wanted: Told) -> None:
    assert told(tmp_path, function("char *p = (char *)regs;\n" + body)) == wanted


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("switch (n) { case 0: p += 8; break; case 1: p += 24; break; } return *(u64 *)p;", RUN_TIME),
        ("switch (n) { case 0: n = 1; break; default: n = 2; } return *(u64 *)(p + 8);", at(8)),
        ("int k = 8; switch (n) { case 0: k = 16; break; } return *(u64 *)(p + k);", RUN_TIME),
        ("switch (n) { case 0: return *(u64 *)(p + 8); case 1: return *(u64 *)(p + 16); } return 0;", at(8, 16)),
    ],
)
def test_switch(tmp_path: Path, body: str, wanted: Told) -> None:
    assert told(tmp_path, function("char *p = (char *)regs;\n" + body)) == wanted


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("char *p = (char *)regs; while (n--) { x += *(u64 *)p; p += 8; } return x;", RUN_TIME),
        ("char *p = (char *)regs; while (n--) { x += *(u64 *)p; p = p + 8; } return x;", RUN_TIME),
        ("unsigned long p = (unsigned long)regs; while (n--) { x += *(u64 *)p; p = p + 8; } return x;", RUN_TIME),
        ("u64 *p = (u64 *)regs; for (; n--; p++) x += *p; return x;", WORDS),
        ("u64 *p = (u64 *)regs; do { x += *p; p++; } while (n--); return x;", WORDS),
        ("u64 *p = (u64 *)regs; while (n--) x += *p++; return x;", WORDS),
        ("char *p = (char *)regs; while (n--) p += 8; return *(u64 *)p;", RUN_TIME),
        ("char *p = (char *)regs; while (n--) p = p + 8; return *(u64 *)p;", RUN_TIME),
        ("char *p = (char *)regs; while (n--) for (int i = 0; i < 2; i++) p = p + 8; return *(u64 *)p;", RUN_TIME),
        ("int k = 0; while (k < 3) { x += ((u64 *)regs)[k]; k = k + 1; } return x;", WORDS),
        ("int k = 8; while (n--) k = 16; return *(u64 *)((char *)regs + k);", RUN_TIME),
        # What the loop does not change, or sets anew in every turn, keeps its offset.
        ("char *p = (char *)regs; while (n--) x += *(u64 *)(p + 8); return x;", at(8)),
        ("while (n--) { char *p = (char *)regs; p += 8; x += *(u64 *)p; } return x;", at(8)),
    ],
)
def test_loops(tmp_path: Path, body: str, wanted: Told) -> None:
    assert told(tmp_path, function("u64 x = 0;\n" + body)) == wanted


@pytest.mark.parametrize(
    ("body", "rule", "fields"),
    [
        ("unsigned long *p = &regs->bx; return p[n];", "order/index", ("bx",)),
        ("unsigned long *p = &regs->bx; return p[1];", "order/constant-index", ("r11",)),
        ("unsigned long *p = &regs->bx; u64 x = 0; while (n--) x += *p++; return x;", "order/index", ("bx",)),
        ("return (&regs->bx)[-1];", "order/constant-index", ("bp",)),
    ],
)
def test_from_a_member(tmp_path: Path, body: str, rule: str, fields: tuple[str, ...]) -> None:
    (site,) = sites_of(tmp_path, function(body))
    assert (site.rule, site.fields) == (rule, fields)
    assert "anchor=bx" in site.traits


def test_functions_do_not_share_what_is_known(tmp_path: Path) -> None:
    code = function("char *p = (char *)regs; int k = 8; return *(u64 *)(p + k);")
    code += "u64 g(char *p, int k) { return *(u64 *)(p + k); }\n"
    code += "u64 h(struct pt_regs *regs, int k) { return *(u64 *)((char *)regs + k); }\n"
    found = [(s.function, s.rule) for s in sites_of(tmp_path, code)]
    assert found == [("f", "raw-offset/constant"), ("h", "raw-offset/computed")]
