# SPDX-License-Identifier: GPL-2.0-only
"""What a header gave to one unit of a process is given to the next one only if that one reads the same text.

Each case is a header that reads differently behind `#define WIDE` of another header, which only one unit includes: both
orders of the two units must give what each of them gives alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.evidence.c.unit import Analyser
from auditor.kernel.closure import Leading
from auditor.kinds.dispatch import table
from tests.evidence.snippets import job, write
from tests.evidence.test_prelude import told

HEADER = "#ifndef H_H\n#define H_H\n#include <pt_regs.h>\n{}\n#endif\n"
BODY = '#include "h.h"\nunsigned long f(struct pt_regs *regs) {{ return {}; }}\n'
CASES = {
    "inside a function": (
        "static inline long low(struct pt_regs *r)\n{\n#ifdef WIDE\n\treturn r->ip;\n#else\n\treturn r->cx;\n#endif\n}",
        "low(regs)",
    ),
    "inside a struct": (
        "struct frame {\n#ifdef WIDE\n\tlong wide;\n#endif\n\tstruct pt_regs regs;\n};",
        "((struct frame *)regs)->regs.sp",
    ),
    "around a function": (
        "#ifdef WIDE\nstatic inline long low(struct pt_regs *r) { return r->ip; }\n#else\n"
        "static inline long low(struct pt_regs *r) { return r->cx; }\n#endif",
        "low(regs)",
    ),
    "around a macro": (
        "#ifdef WIDE\n#define REG(r) ((r)->ip)\n#else\n#define REG(r) ((r)->cx)\n#endif\n"
        "static inline long low(struct pt_regs *r) { return REG(r); }",
        "low(regs)",
    ),
    "nowhere": ("static inline long low(struct pt_regs *r) { return r->ip; }", "low(regs)"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_header_that_reads_differently(name: str, tmp_path: Path) -> None:
    header, use = CASES[name]
    body = BODY.format(use)
    files = {"wide.c": f'#include "wide.h"\n{body}', "plain.c": body, "wide.h": "#define WIDE\n"}
    write(tmp_path, {**files, "h.h": HEADER.format(header)})
    alone = {s: told(Analyser(table()).analyse(job(tmp_path, s))) for s in ("wide.c", "plain.c")}
    assert (alone["wide.c"] != alone["plain.c"]) is (name != "nowhere")
    for order in (("wide.c", "plain.c"), ("plain.c", "wide.c")):
        analyser = Analyser(table())
        assert {s: told(analyser.analyse(job(tmp_path, s))) for s in order} == alone


MADE = (
    "#define MAKE(name) struct name##_s {{ int x; MEMBER m; }}\n#define MEMBER int\nMAKE(first);\n"
    "#undef MEMBER\n{}\nMAKE(second);"
)
SIZE = '#include "h.h"\nunsigned long f(struct pt_regs *regs) { return sizeof(struct second_s) + regs->ip; }\n'


def making(root: Path) -> Analyser:
    leading = Leading(frozenset({"MAKE", "MEMBER"}), frozenset({str(root / "h.h")}))
    return Analyser(table(), leading=leading)


def test_structs_that_one_macro_makes(tmp_path: Path) -> None:
    """What it made of the first arguments says nothing of the second: a macro in its body has changed."""
    write(tmp_path, {"h.h": HEADER.format(MADE.format("#define MEMBER struct pt_regs")), "a.c": SIZE})
    found = making(tmp_path).analyse(job(tmp_path, "a.c")).found
    assert {f.site.rule for f in found} >= {"embed/member", "size/container", "field/read"}


@pytest.mark.parametrize("order", [("wide.c", "plain.c"), ("plain.c", "wide.c")])
def test_structs_that_one_macro_makes_in_two_units(order: tuple[str, str], tmp_path: Path) -> None:
    second = "#ifdef WIDE\n#define MEMBER struct pt_regs\n#else\n#define MEMBER int\n#endif"
    write(tmp_path, {"h.h": HEADER.format(MADE.format(second)), "plain.c": SIZE, "wide.c": "#define WIDE\n" + SIZE})
    analyser = making(tmp_path)
    rules = {s: {f.site.rule for f in analyser.analyse(job(tmp_path, s)).found} for s in order}
    assert rules["wide.c"] - rules["plain.c"] == {"embed/member", "size/container"}


OTHER = "struct other {{ long ip, cx; }};\n#ifdef WIDE\n{}\n#else\n{}\n#endif"
OF_ANOTHER_HEADER = {
    "a member": (
        OTHER.format("struct frame { struct pt_regs regs; };", "struct frame { struct other regs; };"),
        "static inline long low(struct frame *f, struct pt_regs *r) { return f->regs.ip + r->sp; }",
    ),
    "a typedef": (
        OTHER.format("typedef struct pt_regs frame_t;", "typedef struct other frame_t;"),
        "static inline long low(frame_t *f, struct pt_regs *r) { return f->ip + r->sp; }",
    ),
    "a function": (
        OTHER.format("struct pt_regs *saved(void);", "struct other *saved(void);"),
        "static inline long low(void *f, struct pt_regs *r) { return saved()->cx + r->sp; }",
    ),
    "a member of a member": (
        OTHER.format("struct inner { struct pt_regs regs; };", "struct inner { struct other regs; };")
        + "\nstruct frame { struct inner in; };",
        "static inline long low(struct frame *f, struct pt_regs *r) { return f->in.regs.ip + r->sp; }",
    ),
    "its size": (
        OTHER.format("struct frame { struct pt_regs regs; };", "struct frame { struct other regs; };"),
        "static inline long low(void *f, struct pt_regs *r) { return sizeof(struct frame) + r->sp; }",
    ),
}


@pytest.mark.parametrize("name", OF_ANOTHER_HEADER)
def test_a_type_of_another_header_that_reads_differently(name: str, tmp_path: Path) -> None:
    types, function = OF_ANOTHER_HEADER[name]
    body = BODY.format("low(0, regs)")
    write(tmp_path, {"wide.c": f'#include "wide.h"\n{body}', "plain.c": body, "wide.h": "#define WIDE\n"})
    write(tmp_path, {"types.h": types + "\n", "h.h": HEADER.format(f'#include "types.h"\n{function}')})
    alone = {s: told(Analyser(table()).analyse(job(tmp_path, s))) for s in ("wide.c", "plain.c")}
    assert alone["wide.c"] != alone["plain.c"]
    for order in (("wide.c", "plain.c"), ("plain.c", "wide.c")):
        analyser = Analyser(table())
        assert {s: told(analyser.analyse(job(tmp_path, s))) for s in order} == alone


def test_a_struct_that_two_units_read(tmp_path: Path) -> None:
    """That it holds the registers is known from its declaration alone, and to every unit that measures it."""
    held = "struct frame { long more; struct pt_regs regs; };\nstruct bare { long more; };"
    use = '#include "h.h"\nunsigned long {0}(void) {{ return sizeof(struct frame) + sizeof(struct bare); }}\n'
    write(tmp_path, {"h.h": HEADER.format(held), "a.c": use.format("a"), "b.c": use.format("b")})
    analyser = Analyser(table())
    for name in ("a.c", "b.c"):
        sites = [f.site for f in analyser.analyse(job(tmp_path, name)).found if f.site.file == name]
        assert [(s.rule, s.expression) for s in sites] == [("size/container", "sizeof(struct frame)")]


def test_the_struct_itself(tmp_path: Path) -> None:
    member = "struct pt_regs {\n#ifdef WIDE\n\tlong first;\n#endif\n\tlong ip;\n};\nlong get(struct pt_regs *);\n"
    write(tmp_path, {"wide.c": '#include "wide.h"\n#include "h.h"\n', "plain.c": '#include "h.h"\n'})
    write(tmp_path, {"wide.h": "#define WIDE\n", "h.h": member})
    analyser = Analyser(table())
    sizes = [layout.size for s in ("wide.c", "plain.c") if (layout := analyser.analyse(job(tmp_path, s)).layout)]
    assert sizes == [16, 8]
