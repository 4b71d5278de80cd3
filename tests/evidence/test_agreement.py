# SPDX-License-Identifier: GPL-2.0-only
"""Units that would read shared headers in another way than the others: each is parsed alone, and gives what it gives.

Every case is a unit, headers of its own, and headers that five units share; `alone` where sharing would show.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from auditor.evidence.c.agreement import is_itself, is_message
from auditor.evidence.c.job import Job, Prelude
from auditor.evidence.c.unit import Analyser
from auditor.evidence.prelude import share_headers
from auditor.kinds.dispatch import table
from tests.evidence.snippets import job, write
from tests.evidence.test_prelude import ALONE, TRIED, USED, counting, told

HEADER = """#ifndef COMMON_H
#define COMMON_H
#include <pt_regs.h>
{}
static inline unsigned long low(struct pt_regs *regs) {{ return regs->ip; }}
#endif
"""
WIDE = """#ifdef WIDE
struct frame { struct pt_regs regs; };
#else
struct frame { long x; struct pt_regs regs; };
#endif"""
TOGGLE = "#ifndef SECOND\n#define SECOND\n#else\nextern struct pt_regs *again;\n#endif\n"
SLOT = "#ifndef MYSLOT\n#define MYSLOT 2\n#endif\nenum { SLOT = MYSLOT };\n"
CHOOSE = "#ifdef SECOND\n#include <more.h>\n#else\n#include <common.h>\n#endif\n"
AGAIN = "#ifdef AGAIN\n#define WIDE\n#endif\n"
GUARD = "#ifndef {0}_H\n#define {0}_H\n{1}\n#endif\n"
BODY = "unsigned long f(struct pt_regs *regs) { return regs->sp + low(regs); }\n"


@dataclass(frozen=True)
class Case:
    """`unit`: the one in question. `own`: more headers. `shared`: what common.h holds, or whole headers by name."""

    name: str
    unit: str
    alone: bool
    shared: str | dict[str, str] = ""
    own: dict[str, str] = field(default_factory=dict)
    others: str = "#include <common.h>\n"
    flags: tuple[str, ...] = ()


CASES = [
    Case("nothing before", "#include <common.h>\n", False),
    Case("a macro of its own", "#define OTHER 1\n#include <common.h>\n", False),
    Case("a macro that is asked for", "#define WIDE\n#include <common.h>\n", True, WIDE),
    Case("set after the include", "#include <common.h>\n#define WIDE\n", False, WIDE),
    Case("unset", "#undef WIDE\n#include <common.h>\n", True, WIDE),
    Case("in a header without an include", '#include "own.h"\n#include <common.h>\n', True, WIDE,
         {"own.h": "#define WIDE\n"}),
    Case("in a branch that is not taken", "#ifdef NO\n#define WIDE\n#endif\n#include <common.h>\n", False, WIDE),
    Case("behind a comment", "/* x */ #define WIDE\n#include <common.h>\n", True, WIDE),
    Case("with a comment in it", "#define /* really */ WIDE\n#include <common.h>\n", True, WIDE),
    Case("the guard", "#define COMMON_H\n#include <pt_regs.h>\nlong low(struct pt_regs *r);\n", True),
    Case("a value that an enumerator takes", "#define MYSLOT 3\n#include <common.h>\n", True, SLOT),
    Case("a macro that is defined anew", "#define GET(r) ((r)->cx)\n#include <common.h>\n", True,
         "#undef GET\n#define GET(r) ((r)->ip)\n"),
    Case("a message", '#define pr_fmt(fmt) "me: " fmt\n#include <common.h>\n', False,
         "#ifndef pr_fmt\n#define pr_fmt(fmt) fmt\n#endif\n"),
    Case("no message", "#define pr_fmt(fmt) (regs)[1]\n#include <common.h>\n", True,
         "#ifndef pr_fmt\n#define pr_fmt(fmt) fmt\n#endif\n"),
    Case("a function that there is", "#define arch_low arch_low\n#include <common.h>\n", True,
         "#ifndef arch_low\nstatic inline long arch_low(struct pt_regs *r) { return r->ax; }\n"
         "#define arch_low arch_low\n#endif\n"),
    Case("asked for before it is read", "#ifdef COMMON_H\nstruct pt_regs *early;\n#endif\n#include <common.h>\n", True),
    Case("a default of its own", '#include "own.h"\n#include <common.h>\n', True, "#define REG ip\n",
         {"own.h": "#ifndef REG\n#define REG cx\n#endif\n"}),
    Case("written before it is a macro", '#include "own.h"\n#include <common.h>\n', True, "#define slot(r) ((r)->ip)\n",
         {"own.h": "#include <pt_regs.h>\nlong slot(struct pt_regs *);\n"}),
    Case("written where it is left out", '#include "own.h"\n#include <common.h>\n', False,
         "#define slot(r) ((r)->ip)\n",
         {"own.h": "#include <pt_regs.h>\n#ifdef NO\nlong slot(struct pt_regs *);\n#endif\n"}),
    Case("asked for in the branch that counts", "#if 0\n#elif defined(COMMON_H)\n#endif\n#include <common.h>\n", True),
    Case("asked for on two lines", "#if defined(NO) || \\\n defined(COMMON_H)\nint x;\n#endif\n#include <common.h>\n",
         True),
    Case("a test of theirs that was left out", "#define WIDE\n#include <common.h>\n", False,
         f"#ifdef NO\n{WIDE}\n#endif"),
    Case("a test of theirs on two lines", "#define WIDE\n#include <common.h>\n", True,
         "#if defined(NO) || \\\n defined(WIDE)\nstruct pt_regs *wide;\n#endif"),
    Case("a macro of theirs that is over", '#include "own.h"\n#include <common.h>\n', False,
         "#define slot ip\nextern struct pt_regs *slot_;\n#undef slot\n",
         {"own.h": "#include <pt_regs.h>\nlong slot(struct pt_regs *);\n"}),
    Case("a macro of theirs that begins anew", '#include "own.h"\n#include <common.h>\n', True,
         "#define slot ip\n#undef slot\n#define slot(r) ((r)->ip)\n",
         {"own.h": "#include <pt_regs.h>\nlong slot(struct pt_regs *);\n"}),
    Case("a macro in a macro of theirs", "#include <a.h>\n#define ip cx\n#include <b.h>\n", True,
         {"a.h": GUARD.format("A", "#include <pt_regs.h>\n#define GET(r) ((r)->ip)"),
          "b.h": GUARD.format("B", "static inline long low(struct pt_regs *r) { return GET(r); }")},
         others="#include <a.h>\n#include <b.h>\n"),
    Case("a macro of its own that writes one of theirs too early",
         "#include <pt_regs.h>\n#define mine(r) slot(r)\nlong slot(struct pt_regs *);\n"
         "static long early(struct pt_regs *r) { return mine(r); }\n#include <common.h>\n", True,
         "#define slot(r) ((r)->ip)\n"),
    Case("a macro of its own that writes one of theirs in time",
         "#define mine(r) slot(r)\n#include <common.h>\nstatic long late(struct pt_regs *r) { return mine(r); }\n",
         False, "#define slot(r) ((r)->ip)\n"),
    Case("only whether there is such a macro",
         "#define mine(r) slot(r)\n#ifndef mine\nint no;\n#endif\n#include <common.h>\n"
         "static long late(struct pt_regs *r) { return mine(r); }\n", False, "#define slot(r) ((r)->ip)\n"),
    Case("what such a macro is",
         "#define mine slot\n#if mine\nint no;\n#endif\n#include <common.h>\n", True, "#define slot 1\n"),
    Case("a header that a macro chooses", "#define WHICH <pt_regs.h>\n#include <choose.h>\n#include <common.h>\n", True,
         {"common.h": HEADER.format(""), "choose.h": "#ifdef WHICH\n#include WHICH\n#endif\n"},
         others="#include <choose.h>\n#include <common.h>\n"),
    Case("macros of two headers in another order", "#include <b.h>\n#include <a.h>\n", True,
         {"a.h": GUARD.format("A", "#define REG ip"),
          "b.h": GUARD.format("B", "#include <pt_regs.h>\nstatic inline long low(struct pt_regs *REG) "
                              "{ return 0; }")},
         others="#include <a.h>\n#include <b.h>\n"),
    Case("packed", "#pragma pack(1)\n#include <common.h>\n", True),
    Case("packed and no more", "#pragma pack(1)\nstruct s { int x; };\n#pragma pack()\n#include <common.h>\n", False),
    Case("packed, but left out", "#ifdef NO\n#pragma pack(1)\n#endif\n#include <common.h>\n", False),
    Case("packed inside of a packing",
         "#pragma pack(push, 1)\n#pragma pack(push, 2)\n#pragma pack(pop)\n#include <common.h>\n", True),
    Case("packings that are over",
         "#pragma pack(push, 1)\n#pragma pack(push, 2)\n#pragma pack(pop)\n#pragma pack(pop)\n#include <common.h>\n",
         False),
    Case("pushed and not packed", "#pragma pack(push)\n#include <common.h>\n#pragma pack(pop)\n", False),
    Case("packed behind its back", '_Pragma("pack(1)")\n#include <common.h>\n', True),
    Case("packed by another word", "#pragma options align=packed\n#include <common.h>\n", True),
    Case("packed behind it", "#include <common.h>\n#pragma pack(1)\n", False),
    Case("in disguise", "%:undef WIDE\n#include <common.h>\n", True, WIDE),
    Case("a header of its own that is read twice",
         '#include "t.h"\n#define WIDE\n#define AGAIN\n#include "t.h"\n', True, WIDE,
         {"t.h": "#ifdef AGAIN\n#include <common.h>\n#endif\n"}),
    Case("a guarded one", '#include "g.h"\n#include <common.h>\n#include "g.h"\n', False, "",
         {"g.h": "#ifndef G_H\n#define G_H\n#include \"g.h\"\n#endif\n"}),
    Case("macros pushed", '#pragma push_macro("low")\n#include <common.h>\n', True),
    Case("another order", "#include <b.h>\n#include <a.h>\n", True,
         {"a.h": GUARD.format("A", "#include <pt_regs.h>\nlong low(struct pt_regs *);"),
          "b.h": GUARD.format("B", "#include <pt_regs.h>\n#ifdef A_H\nstruct b { struct pt_regs r; };\n#endif")},
         others="#include <a.h>\n#include <b.h>\n"),
    Case("a test of theirs that comes too late", "#include <a.h>\n#include <b.h>\n", True,
         {"a.h": GUARD.format("A", "#include <pt_regs.h>\nlong low(struct pt_regs *);"),
          "b.h": GUARD.format("B", "#include <pt_regs.h>\n#ifdef A_H\nstruct b { struct pt_regs r; };\n#endif")},
         others="#include <b.h>\n#include <a.h>\n"),
    Case("a struct that it does not know", "#ifdef NO\n#include <held.h>\n#endif\n#include <common.h>\n"
         "struct held;\nlong g(struct held *h) { return ((struct pt_regs *)h)->ip; }\n", True,
         {"common.h": HEADER.format(""), "held.h": GUARD.format("HELD", "struct held { char x[200]; };")},
         others="#include <common.h>\n#include <held.h>\n"),
    Case("a header read inside a struct",
         "#include <common.h>\nstruct o {\nstruct pt_regs *own;\n#include <frag.h>\n};\n", True,
         {"common.h": HEADER.format(""), "frag.h": GUARD.format("FRAG", "struct pt_regs *frag;")},
         others="#include <common.h>\n#include <frag.h>\n"),
    Case("a header that toggles", "#include <common.h>\n#include <t.h>\n", True,
         {"common.h": HEADER.format(""), "t.h": TOGGLE},
         others="#include <common.h>\n#include <t.h>\n"),
    Case("a header that only chooses, read again", "#include <choose.h>\n#include <choose.h>\n", False,
         {"common.h": HEADER.format(""), "choose.h": CHOOSE}, others="#include <choose.h>\n"),
    Case("it chooses another one then", "#include <choose.h>\n#define SECOND\n#include <choose.h>\n", False,
         {"common.h": HEADER.format(""), "choose.h": CHOOSE,
          "more.h": "static inline long more(struct pt_regs *r) { return r->cx; }\n"}, others="#include <choose.h>\n"),
    Case("it chooses another one at once", "#define SECOND\n#include <choose.h>\n#include <common.h>\n", True,
         {"common.h": HEADER.format(""), "choose.h": CHOOSE,
          "more.h": "#include <pt_regs.h>\nstatic inline long more(struct pt_regs *r) { return r->cx; }\n"},
         others="#include <choose.h>\n"),
    Case("it defines something, too", "#include <choose.h>\n#include <choose.h>\n", True,
         {"common.h": HEADER.format(""), "choose.h": CHOOSE + "#define CHOSEN\n"}, others="#include <choose.h>\n"),
    Case("it says something, too", "#include <choose.h>\n#include <choose.h>\n", True,
         {"common.h": HEADER.format(""), "choose.h": CHOOSE + "extern struct pt_regs *chosen;\n"},
         others="#include <choose.h>\n"),
    Case("set by the second reading of a header",
         '#include "t.h"\n#define AGAIN\n#include "t.h"\n#include <common.h>\n',
         True, WIDE, {"t.h": AGAIN}),
    Case("set by a second reading that comes behind",
         '#include "t.h"\n#include <common.h>\n#define AGAIN\n#include "t.h"\n', False, WIDE, {"t.h": AGAIN}),
    Case("set by the first reading only",
         '#include "t.h"\n#include <common.h>\n#undef FIRST\n#include "t.h"\n', True, WIDE,
         {"t.h": "#ifndef NEXT\n#define NEXT\n#define WIDE\n#endif\n"}),
    Case("set and unset by turns",
         '#include "t.h"\n#include "t.h"\n#include "t.h"\n#include <common.h>\n', True, WIDE,
         {"t.h": "#ifdef WIDE\n#undef WIDE\n#else\n#define WIDE\n#endif\n"}),
    Case("read again by another name",
         '#include "t.h"\n#define AGAIN\n#include "sub/../t.h"\n#include <common.h>\n', True, WIDE,
         {"t.h": AGAIN, "sub/x.h": ""}),
    Case("read again through another header",
         '#include "t.h"\n#define AGAIN\n#include "o.h"\n#include <common.h>\n', True, WIDE,
         {"t.h": AGAIN, "o.h": '#include "t.h"\n'}),
    Case("read three times, for other things",
         '#define DO(x) long x##_a;\n#include "t.h"\n#define DO(x) long x##_b;\n#include "t.h"\n#include <common.h>\n'
         '#define DO(x) long x##_c(struct pt_regs *r) { return r->ax; }\n#include "t.h"\n', False, WIDE,
         {"t.h": "DO(one)\nDO(two)\n#undef DO\n"}),
    Case("the shared one in the second reading only", '#include "t.h"\n#include "t.h"\n', False, WIDE,
         {"t.h": "#ifndef ONCE\n#define ONCE\n#else\n#include <common.h>\n#endif\n"}),
    Case("a header that includes itself", '#include "t.h"\n#include <common.h>\n', True, WIDE,
         {"t.h": '#ifndef ONE\n#define ONE\n#include "t.h"\n#elif !defined(WIDE)\n#define WIDE\n#endif\n'}),
    Case("two headers that include each other", '#include "s.h"\n#include <common.h>\n', False, WIDE,
         {"s.h": '#ifndef S_H\n#define S_H\n#include "t.h"\n#endif\n',
          "t.h": '#ifndef T_H\n#define T_H\n#include "s.h"\n#endif\n'}),
    Case("the unit's name asked for", "#include <common.h>\n", True, "#ifdef KBUILD_X\nstruct pt_regs *x;\n#endif\n"),
    Case("a directory asked for", "#include <common.h>\n", True,
         '#if __has_include("x.h")\nstruct pt_regs *x;\n#endif\n'),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_a_unit(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = case.shared if isinstance(case.shared, dict) else {"common.h": HEADER.format(case.shared)}
    # The unit may leave out what all others include, so that there have to be many of them.
    others = {f"u{i}.c": case.others + BODY for i in range(8)}
    write(tmp_path, {**{f"inc/{n}": text for n, text in shared.items()}, **case.own, **others})
    write(tmp_path, {"case.c": case.unit + BODY})
    made = share_headers([job(tmp_path, n, f"-I{tmp_path}/inc", *case.flags) for n in (*others, "case.c")])
    given = next(j.prelude for j in made if j.prelude is not None)
    # As if the chooser had been wrong about it.
    sharing, seen = Analyser(table(), str(tmp_path)), counting(monkeypatch)
    with_it = sharing.analyse(job_with(made[-1], given))
    assert seen[0] == (ALONE if not sharing._share(job_with(made[-1], given)) else TRIED if case.alone else USED)
    assert (USED in seen) is not case.alone
    without = Analyser(table()).analyse(made[-1])
    assert (without.error, told(with_it)) == ("", told(without))
    assert (with_it.layout, set(with_it.files)) == (without.layout, set(without.files))
    assert with_it.handed_on == without.handed_on
    if case.name != "a message":
        # There the lines of the default itself count as read; they name no struct.
        assert dict(with_it.skipped) == dict(without.skipped)


def job_with(one: Job, prelude: Prelude) -> Job:
    return replace(one, prelude=prelude)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ('pr_fmt(fmt) "me: " fmt', True),
        ('pr_fmt(fmt) KBUILD_MODNAME ": " fmt', True),
        ('pr_fmt(fmt) "%s: " fmt, __func__', True),
        ('X "text"', True),
        ("pr_fmt(fmt) fmt", False),
        ("X 8", False),
        ('X(r) "y", (r)[1]', False),
        ('X "y" other', False),
        ('X(r) "y", r->ip', False),
        ("", False),
    ],
)
def test_messages(definition: str, message: bool) -> None:
    assert is_message(definition) is message


def test_itself() -> None:
    assert is_itself("x", "x x")
    assert not is_itself("x", "x y")
    assert not is_itself("x", "x(a) x(a)")
