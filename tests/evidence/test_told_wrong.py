# SPDX-License-Identifier: GPL-2.0-only
"""Examples that were once told wrong, each with what is true of it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from auditor.evidence import pool
from auditor.evidence.c.unit import Analyser
from auditor.judge.conditions import evaluate, guard_fires
from auditor.kinds.dispatch import table
from auditor.model import Guard
from tests.evidence.snippets import PRELUDE, analyse, job, own_sites, sites_of, told, write
from tests.evidence.test_flow import RUN_TIME, WORDS, at, function
from tests.evidence.test_pool import ENDS, ending, jobs
from tests.judge.samples import LAYOUT, REMOVED, site


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("int i; u64 x = 0; for (i = 0; i < 21; i++) x += ((u64 *)regs)[i]; return x;", WORDS),
        ("u64 x = 0; for (int i = 0; i < 21; i++) x += ((u64 *)regs)[i]; return x;", WORDS),
        ("u64 *p, x = 0; for (p = (u64 *)regs; n--; p++) x += *p; return x;", WORDS),
        ("u64 x = 0; for (u64 *p = (u64 *)regs; n--; p++) x += *p; return x;", WORDS),
        (
            "char *p = (char *)regs + 8; u64 x = 0; while (n--) { x += *(u64 *)p; p = (char *)regs + 16; } return x;",
            RUN_TIME,
        ),
        (
            "char *p = (char *)regs; while (n--) { if (n == 3) { p = (char *)regs + 8; break; } } return *(u64 *)p;",
            RUN_TIME,
        ),
        ("u64 *p = (u64 *)regs; u64 a = *p++; return a + *p++;", at(0, 8)),
        ("int k = 3; k++; return ((u64 *)regs)[k];", at(32)),
        (
            "char *p = (char *)regs; switch (n) { case 0: p += 8; return *(u64 *)p; case 1: p += 16; "
            "return *(u64 *)p; } return 0;",
            at(8, 16),
        ),
        (
            "int k = 8; switch (n) { case 0: k = 16; break; case 1: return *(u64 *)((char *)regs + k); } return 0;",
            at(8),
        ),
        ("char *p = (char *)regs; if (n) { p += 8; goto out; } p += 16; out: return *(u64 *)p;", RUN_TIME),
        ("extern void g(int *); int k = 3; g(&k); return ((u64 *)regs)[k];", WORDS),
        ("char *p = (char *)regs; if (n && (p += 8)) n = 1; return *(u64 *)p;", RUN_TIME),
    ],
)
def test_flow(tmp_path: Path, body: Any, wanted: Any) -> None:
    assert told(tmp_path, function(body)) == wanted


@pytest.mark.parametrize(
    "body",
    [
        "int i; u64 x = 0; for (i = 0; i < 5; i++) x += (&regs->bx)[i]; return x;",
        "unsigned long *p, x = 0; for (p = &regs->r15; p <= &regs->ss; p++) x += *p; return x;",
    ],
)
def test_order(tmp_path: Path, body: Any) -> None:
    assert "order/index" in [s.rule for s in sites_of(tmp_path, function(body))]


@pytest.mark.parametrize(
    ("cond", "expr"),
    [
        ("(int)offsetof(struct pt_regs, r15) != 0", ("!=", ("offsetof", "r15"), ("const", 0))),
        ("sizeof(struct pt_regs) > 168 ? 1 : 0", None),
    ],
)
def test_guard(tmp_path: Path, cond: Any, expr: Any) -> None:
    (s,) = sites_of(tmp_path, f"void f(void) {{ BUILD_BUG_ON({cond}); }}\n")
    assert (s.guard.expression if s.guard else None) == expr


def test_guards_are_unsigned() -> None:
    assert guard_fires(site(guard=Guard((">", ("-", ("sizeof",), ("const", 40)), ("const", 0)))), REMOVED)


def test_hostile_guard() -> None:
    assert evaluate(("<<", ("const", 1), ("const", 1 << 62)), LAYOUT) == 0


LOW = "static inline u64 low(struct pt_regs *regs) { return *(u64 *)((char *)regs + WORD); }\n"
INC = PRELUDE + '#include "b.h"\n'


@pytest.mark.parametrize(
    ("a", "c", "fa", "fc"),
    [
        ("#define WORD 8\n" + INC, "#define WORD 16\n" + INC, (), ()),
        (
            PRELUDE + '#include "x.h"\n#include "b.h"\n',
            PRELUDE + '#include "y.h"\n#include "b.h"\n',
            (),
            (),
        ),
        (INC, INC, ("-include", "@/x.h"), ("-include", "@/y.h")),
    ],
)
def test_header_cache(tmp_path: Path, a: Any, c: Any, fa: Any, fc: Any) -> None:
    write(tmp_path, {"a.c": a, "c.c": c, "b.h": LOW, "x.h": "#define WORD 8\n", "y.h": "#define WORD 16\n"})
    jobs = [
        job(tmp_path, "a.c", *(f.replace("@", str(tmp_path)) for f in fa)),
        job(tmp_path, "c.c", *(f.replace("@", str(tmp_path)) for f in fc)),
    ]
    for order in itertools.permutations(jobs):
        an = Analyser(table())
        assert {j.object: [s.bytes for s in own_sites(an.analyse(j))] for j in order} == {
            "a.c.o": [(8, 16)],
            "c.c.o": [(16, 24)],
        }


@pytest.mark.parametrize(
    ("f1", "f2", "test"),
    [("-O2", "-O0", "defined __OPTIMIZE__"), ("-std=gnu11", "-std=gnu89", "__STDC_VERSION__ >= 201112L")],
)
def test_header_cache_flags(tmp_path: Path, f1: Any, f2: Any, test: Any) -> None:
    write(
        tmp_path,
        {
            "a.c": INC,
            "b.h": "static inline u64 low(struct pt_regs *r)\n{\n"
            f"#if {test}\nreturn r->ip;\n#else\nreturn r->sp;\n#endif\n}}\n",
        },
    )
    an = Analyser(table())
    assert [[s.fields for s in own_sites(an.analyse(job(tmp_path, "a.c", f)))] for f in (f1, f2)] == [
        [("ip",)],
        [("sp",)],
    ]


@pytest.mark.parametrize(
    "code",
    [
        "struct o { struct pt_regs *(*get)(void); };\nu64 g(struct o *x)\n{ return x->get()->sp; }\n",
        "typedef struct pt_regs regs_t;\nstruct h { regs_t *r; };\nu64 g(struct h *x)\n{ return x->r->sp; }\n",
        "extern struct pt_regs *get(void);\n__typeof__(get()) saved;\nu64 g(void)\n{ return saved->sp; }\n",
    ],
)
def test_leads(tmp_path: Path, code: Any) -> None:
    assert "field/read" in [s.rule for s in sites_of(tmp_path, code)]


def test_macro_redefined_by_a_later_header(tmp_path: Path) -> None:
    files = {
        "a.c": PRELUDE + '#include "x.h"\n#include "y.h"\nu64 f(struct pt_regs *regs) { return GET(regs); }\n',
        "x.h": "#define GET(r) (*(u64 *)((char *)(r) + 8))\n",
        "y.h": "#undef GET\n#define GET(r) (*(u64 *)((char *)(r) + 16))\n",
    }
    (s,) = own_sites(analyse(tmp_path, files))
    assert (s.file, s.line, s.bytes) == ("y.h", 2, (16, 24))


@pytest.mark.parametrize(
    "body",
    [
        "static const unsigned long off = offsetof(struct pt_regs, ip); return *(u64 *)((char *)regs + off);",
        "enum { OFF = offsetof(struct pt_regs, ip) }; return *(u64 *)((char *)regs + OFF);",
    ],
)
def test_constant_made_of_offsetof(tmp_path: Path, body: Any) -> None:
    assert not [s for s in sites_of(tmp_path, function(body)) if s.kind == "raw-offset"]


def test_memcpy_run_time_length(tmp_path: Path) -> None:
    assert told(tmp_path, "void f(void *d, struct pt_regs *regs, int n) { memcpy(d, regs, n); }\n") != []


def test_neighbour(tmp_path: Path) -> None:
    assert "stack-position/above" in [
        s.rule for s in sites_of(tmp_path, "u64 f(struct pt_regs *r) { return r[1].ip; }\n")
    ]


def test_after_a_crash_units_are_not_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Analyser, "analyse", ending(ENDS["exit"]))
    alone = []
    real = pool._alone

    def retried(job: Any, *rest: Any) -> Any:
        alone.append(job)
        return real(job, *rest)

    monkeypatch.setattr(pool, "_alone", retried)
    list(pool.analyse_all(jobs(tmp_path, 20, (3,)), 2, table(), None, lambda *_: None))
    assert len(alone) <= 4
