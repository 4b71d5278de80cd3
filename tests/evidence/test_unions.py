# SPDX-License-Identifier: GPL-2.0-only
"""Members of anonymous structs and unions, as `cs` and `ss` are since Linux 6.9: flat offsets, one site each."""

from __future__ import annotations

from pathlib import Path

from auditor.evidence.c.job import Job
from auditor.evidence.c.unit import Analyser
from auditor.kinds.dispatch import table

CODE = """
struct pt_regs {
	unsigned long ip;
	union {
		unsigned short cs;
		unsigned long csx;
		struct { unsigned long sl : 2, wfe : 1; } fred_cs;
	};
	struct { unsigned long flags; union { unsigned short ss; unsigned long ssx; }; };
};
unsigned long a(struct pt_regs *r) { return r->csx; }
unsigned long b(struct pt_regs *r) { return r->ssx; }
unsigned long c(struct pt_regs *r) { return r->fred_cs.sl; }
unsigned long d(struct pt_regs *r) { return (&r->flags)[1]; }
"""


def test_members_behind_unnamed_ones(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text(CODE)
    root = str(tmp_path)
    job = Job(f"{root}/a.c", "a.o", root, ("--target=x86_64-linux-gnu", "-w"), root, "pt_regs", "x86_64", frozenset())
    result = Analyser(table()).analyse(job)
    assert result.layout is not None
    offsets = {f.name: f.offset for f in result.layout.fields}
    assert (offsets["cs"], offsets["csx"], offsets["flags"], offsets["ss"], offsets["ssx"]) == (8, 8, 16, 24, 24)
    told = {f.site.function: (f.site.rule, f.site.bytes) for f in result.found}
    assert told == {
        "a": ("field/read", (8, 16)),
        "b": ("field/read", (24, 32)),
        "c": ("field/read", (8, 16)),
        "d": ("order/constant-index", (24, 32)),
    }
