# SPDX-License-Identifier: GPL-2.0-only
"""Where the code of a function went, told by the compiler."""

from __future__ import annotations

import subprocess
from pathlib import Path

from auditor.prove.inlining import hosts, options, pairs

TEXT = """
struct regs { long bx, ip; };
long other(long);
static inline __attribute__((always_inline)) long forced(struct regs *r) { return r->bx; }
static long early(struct regs *r) { return r->ip; }
static long once(struct regs *r, int n)
{
	long s = 0;
	for (int i = 0; i < n; i++)
		s += other(early(r)) + other(s) * other(s + 1) + other(s + 2) / other(s + 3);
	return s + forced(r);
}
long user(struct regs *r) { return once(r, 70); }
"""


def test_gcc_tells_of_both_its_passes(tmp_path: Path) -> None:
    source, remarks = tmp_path / "a.c", tmp_path / "remarks"
    source.write_text(TEXT)
    command = ["gcc", "-O2", *options("gcc", remarks), "-c", "-o", str(tmp_path / "a.o"), str(source)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    found = pairs(remarks, "")
    assert {("forced", "once"), ("early", "once"), ("once", "user")} <= found
    assert hosts(found)["forced"] >= {"once", "user"}


def test_clang_tells_among_its_messages(tmp_path: Path) -> None:
    said = "a.c:5:2: remark: 'early' inlined into 'once' with (cost=-15) [-Rpass=inline]\n"
    assert options("/usr/bin/clang-18", tmp_path / "x") == ("-Rpass=inline",)
    assert pairs(tmp_path / "x", said) == {("early", "once")}


def test_hosts_of_hosts_and_circles() -> None:
    found = hosts([("a", "b"), ("b", "c"), ("c", "b")])
    assert found["a"] == {"b", "c"} and found["b"] == {"c"}


def test_a_compiler_that_tells_nothing(tmp_path: Path) -> None:
    assert pairs(tmp_path / "none", "") == frozenset()
