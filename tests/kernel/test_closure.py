# SPDX-License-Identifier: GPL-2.0-only
"""Which units may depend on the struct by the text of what they include.

A case is a tree: headers, and sources whose first line says whether they are to be selected: `// yes` or `// no`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from auditor.kernel.closure import Closure, Leading
from auditor.kernel.headers import Headers
from auditor.kernel.mentions import Words
from auditor.model import Unit

PTRACE = "struct pt_regs { unsigned long ip; };\n#define user_mode(regs) ((regs)->ip)\n"
YES, NO = "// yes\n", "// no\n"
ALL = "#include <linux/all.h>\n"


def leading(units: Sequence[Unit], known: Iterable[str], headers: Headers) -> Leading:
    return Closure(headers, units, {n.encode() for n in known}).leading


def followed(root: Path, texts: Mapping[str, str | bytes], *known: str) -> Leading:
    for name, text in {"include/linux/ptrace.h": PTRACE, **texts}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode() if isinstance(text, str) else text)
    flags = ("-Iinclude", "-Idrivers/local")
    units = [
        Unit(n, n.removesuffix(".c") + ".o", str(root), ("gcc", *flags, "-c", n), "gcc")
        for n in texts
        if n.endswith(".c")
    ]
    directories = [str(root / d) for d in ("include", "drivers/local")]
    return leading(units, known, Headers(Words(["pt_regs"]), [root], "x86", directories))


def marked(texts: Mapping[str, str | bytes]) -> set[str]:
    sources = {n: t.encode() if isinstance(t, str) else t for n, t in texts.items() if n.endswith(".c")}
    assert all(t.startswith((YES.encode(), NO.encode())) for t in sources.values())
    return {n.removesuffix(".c") + ".o" for n, t in sources.items() if t.startswith(YES.encode())}


CASES: dict[str, dict[str, str | bytes]] = {
    "the name itself": {
        "a.c": YES + "int f(struct pt_regs *regs);\n",
        "alias.c": YES + "int f(bpf_user_pt_regs_t *regs);\n",
        "other.c": NO + "int f(struct xpt_regs *regs, struct pt_regs2 *r, int cpt);\n",
        "include.c": NO + "#include <linux/ptrace.h>\n",
        "comment.c": YES + "/* pt_regs */\n",  # the text is all that is looked at
        "empty.c": NO,
    },
    "macros that use others": {
        "include/linux/all.h": "#include <linux/ptrace.h>\n#define OUTER(x) MIDDLE(x)\n#define MIDDLE(x) INNER x\n"
        "#define INNER (struct pt_regs *)\n#define ELSE(x) (x)\n",
        "a.c": YES + ALL + "int x = OUTER(1);\n",
        "b.c": YES + ALL + "int x = MIDDLE(1);\n",
        "c.c": NO + ALL + "int x = ELSE(OUTER_2);\n",
    },
    "a macro that is defined anew": {
        "include/linux/all.h": "#ifdef X\n#define GET(t) 0\n#else\n#define GET(t) task_pt_regs(t)\n#endif\n",
        "a.c": YES + ALL + "int x = GET(t);\n",
    },
    "a body of many lines": {
        "include/linux/all.h": "#define GET(t) \\\n({ \\\n\tstruct pt_regs *r = t; \\\n\tr; \\\n})\n#define NOT 1\n",
        "a.c": YES + ALL + "int x = GET(t);\n",
        "b.c": NO + ALL + "int x = NOT;\n",
    },
    "inline functions": {
        "include/linux/all.h": "static inline int one(void) { return task_pt_regs(0)->ip; }\n"
        "static inline int\nmany(void)\n{\n\tif (x) {\n\t}\n\treturn one();\n}\n"
        "static inline int not(void)\n{\n\treturn 0;\n}\nint declared(void);\n",
        "a.c": YES + ALL + "int x(void) { return one(); }\n",
        "b.c": YES + ALL + "int x(void) { return many(); }\n",
        "c.c": NO + ALL + "int x(void) { return not() + declared(); }\n",
    },
    "functions and variables that yield it": {
        "include/linux/all.h": "extern struct pt_regs *entry_of(int);\nDECLARE_PER_CPU(struct pt_regs *, of_cpu);\n"
        "extern struct pt_regs at_boot;\nint taking(struct pt_regs *);\nextern struct page *page_of(int);\n",
        "a.c": YES + ALL + "int x(void) { return entry_of(0)->ip; }\n",
        "b.c": YES + ALL + "int x(void) { return this_cpu_read(of_cpu)->ip; }\n",
        "c.c": YES + ALL + "int x(void) { return at_boot.ip; }\n",
        "d.c": NO + ALL + "int x(void) { return taking(0) + page_of(0); }\n",
    },
    "types": {
        "include/linux/all.h": "typedef struct pt_regs entry_t;\ntypedef entry_t again_t;\n"
        "typedef struct other other_t;\n",
        "a.c": YES + ALL + "long x(entry_t *e) { return e->ip; }\n",
        "b.c": YES + ALL + "long x(again_t *e) { return e->ip; }\n",
        "c.c": NO + ALL + "long x(other_t *e) { return 0; }\n",
    },
    "records that hold it": {
        "include/linux/all.h": "struct holder {\n\tstruct pt_regs regs;\n};\nstruct outer {\n\tstruct holder h;\n};\n"
        "struct pointing {\n\tstruct holder *h;\n};\nstruct naming {\n\tstruct pt_regs *regs;\n};\n"
        "typedef struct holder holder_t;\nstruct by_type {\n\tholder_t h;\n};\n",
        "a.c": YES + ALL + "int x = sizeof(struct holder);\n",
        "b.c": YES + ALL + "int x = sizeof(struct outer);\n",
        "c.c": NO + ALL + "int x = sizeof(struct pointing);\n",
        "d.c": YES + ALL + "long x(struct naming *n) { return n->regs->ip; }\n",
        "e.c": YES + ALL + "int x = sizeof(struct by_type);\n",
    },
    "a header that only its neighbours include": {
        "drivers/net/own.h": "#define state(d) ((struct pt_regs *)(d))\n",
        "drivers/net/a.c": YES + '#include "own.h"\nint x = state(0);\n',
        "drivers/net/b.c": NO + "int state;\n",
        "kernel/c.c": NO + "int state;\n",
        "kernel/d.c": YES + '#include "../drivers/net/own.h"\nint x = state(0);\n',
        "kernel/e.c": YES + '#include "../kernel/../drivers/./net/own.h"\nint x = state(0);\n',
    },
    "a header through a neighbour's": {
        "drivers/net/own.h": "#define state(d) ((struct pt_regs *)(d))\n",
        "drivers/net/more.h": '#include "own.h"\n#define get(d) state(d)\n',
        "drivers/net/a.c": YES + '#include "more.h"\nint x = get(0);\n',
        "drivers/net/b.c": YES + '#include "more.h"\nint x = state(0);\n',
        "kernel/c.c": NO + "int state, get;\n",
    },
    "a private header in a directory that all search": {
        "drivers/local/own.h": "#define state(d) ((struct pt_regs *)(d))\n",
        "a.c": YES + "#include <own.h>\nint x = state(0);\n",
        "b.c": NO + "int x = state(0);\n",
    },
    "a public one that includes a private one": {
        "drivers/local/own.h": "#define state(d) ((struct pt_regs *)(d))\n",
        "include/linux/all.h": "#include <own.h>\n",
        "a.c": YES + ALL + "int x = state(0);\n",
        "b.c": YES + "int x = state(0);\n",  # it may come by whatever public header
    },
    "headers that include each other": {
        "include/linux/all.h": "#include <linux/more.h>\n#define OUTER INNER\n",
        "include/linux/more.h": "#include <linux/all.h>\n#define INNER task_pt_regs(0)\n",
        "drivers/x.h": '#include "y.h"\n#define local_x local_y\n',
        "drivers/y.h": '#include "x.h"\n#define local_y INNER\n',
        "a.c": YES + ALL + "int x = OUTER;\n",
        "drivers/b.c": YES + '#include "x.h"\nint x = local_x;\n',
        "drivers/c.c": NO + '#include "x.h"\nint x;\n',
    },
    "macros that use each other": {
        "include/linux/all.h": "#define A B\n#define B A\n#define C D\n#define D C pt_regs\n",
        "a.c": NO + ALL + "int x = A;\n",
        "b.c": YES + ALL + "int x = C;\n",
    },
    "a switch": {
        "include/linux/all.h": "#define EVENT(x) x\n#ifdef MAKE_EVENTS\n#include <linux/make.h>\n#endif\n",
        "include/linux/make.h": "#undef EVENT\n#define EVENT(x) void f_##x(struct pt_regs *regs)\n",
        "a.c": YES + "#define MAKE_EVENTS\n" + ALL + "int x;\n",
        "b.c": NO + "#define MAKE_OTHERS\n" + ALL + "int x;\n",
        "c.c": NO + ALL + "#ifdef MAKE_EVENTS\nint x;\n#endif\n",  # nobody defines it here
        "d.c": YES + '#include "local.h"\n' + ALL,
        "local.h": "#define MAKE_EVENTS\n",
    },
    "no switches": {
        "include/linux/all.h": "#ifndef NO_EVENTS\n#include <linux/make.h>\n#endif\n"
        "#ifdef OTHER\n#include <linux/none.h>\n#endif\n#if !defined(NOT)\n#include <linux/make.h>\n#endif\n"
        "#ifdef LEFT\n#else\n#include <linux/make.h>\n#endif\n#ifdef AHEAD\n#endif\n#include <linux/make.h>\n",
        "include/linux/make.h": "#define EVENT(x) void f_##x(struct pt_regs *regs)\n",
        "include/linux/none.h": "int none;\n",
        "a.c": NO + "#define NO_EVENTS\n" + ALL,
        "b.c": NO + "#define OTHER\n" + ALL,
        "c.c": NO + "#define NOT\n" + ALL,
        "d.c": NO + "#define LEFT\n" + ALL,
        "e.c": NO + "#define AHEAD\n" + ALL,
    },
    "switches in other words": {
        "include/linux/all.h": "#if defined(ONE) && X > 2\n#  include <linux/make.h>\n#endif\n"
        "#ifdef TWO\n#ifdef CONFIG_X\n#include <linux/make.h>\n#endif\n#endif\n"
        "#if 0\n#elif defined THREE\n#include <linux/make.h>\n#endif\n",
        "include/linux/make.h": "#define EVENT(x) void f_##x(struct pt_regs *regs)\n",
        "a.c": YES + "#define ONE\n" + ALL,
        "b.c": YES + "# define TWO 1\n" + ALL,
        "c.c": YES + "#define THREE\n" + ALL,
    },
    "sources that include sources": {
        "kernel/a.c": YES + '#include "part.c"\n',
        "kernel/part.c": YES + "int f(struct pt_regs *regs);\n",
        "kernel/b.c": YES + '#include "a.c"\n',
        "kernel/c.c": NO + '#include "d.c"\n',
        "kernel/d.c": NO + '#include "c.c"\n',
        "kernel/e.c": YES + '#include "table.inc"\n',
        "kernel/table.inc": "{ offsetof(struct pt_regs, ip) },\n",
    },
    "text that is not whole": {
        "include/linux/all.h": "static inline int f(void) {{{\n#define GET task_pt_regs(0)\n}\n/* open\n"
        "#define NOT pt_regs\n",
        "a.c": YES + ALL + "int x = GET;\n",
        "b.c": NO + ALL + "int x = NOT;\n",
        "c.c": b"// no\n\0\xff\xfe" + b"\xe4pt\xff_regs",
        "d.c": b"// yes\n\0\xff\xfe pt_regs\xe4",
    },
}  # fmt: skip


@pytest.mark.parametrize("texts", CASES.values(), ids=CASES)
def test_selected(texts: dict[str, str | bytes], tmp_path: Path) -> None:
    assert followed(tmp_path, texts).objects == marked(texts)


def test_names_that_are_known(tmp_path: Path) -> None:
    texts = {"include/linux/all.h": "#define GET get_thing()\n", "a.c": YES + ALL + "int x = GET;\n", "b.c": NO}
    assert followed(tmp_path, texts, "get_thing").objects == {"a.o"}
    assert followed(tmp_path, texts).objects == set()


def test_names_and_headers(tmp_path: Path) -> None:
    texts = {
        "include/linux/all.h": "#include <linux/ptrace.h>\n#define GET task_pt_regs(0)\nint plain;\n",
        "include/linux/user.h": "#define USER GET\n",
        "include/linux/plain.h": "#define PLAIN 1\n",
        "include/linux/unread.h": "#define UNREAD task_pt_regs(1)\n",
        "a.c": YES + "#include <linux/all.h>\n#include <linux/user.h>\n#include <linux/plain.h>\nint x = USER;\n",
    }
    found = followed(tmp_path, texts)
    assert found.names == {"pt_regs", "task_pt_regs", "GET", "USER"}
    assert {os.path.relpath(h, tmp_path) for h in found.headers} == {
        f"include/linux/{n}.h" for n in ("ptrace", "all", "user")
    }


def test_sources_that_cannot_be_read_are_selected(tmp_path: Path) -> None:
    """The parse says what is wrong with them."""
    texts = {"a.c": NO, "b.c": NO, "c.c": NO, "d.c": NO}
    followed(tmp_path, texts)
    (tmp_path / "a.c").write_text("")
    (tmp_path / "b.c").unlink()
    with open(tmp_path / "c.c", "wb") as stream:
        stream.truncate(6 << 30)
    flags = ("gcc", "-c")
    units = [Unit(n, f"{n}.o", str(tmp_path), (*flags, n), "gcc") for n in texts]
    found = leading(units, (), Headers(Words(["pt_regs"]), [tmp_path], "x86", []))
    assert found.objects == {"a.c.o", "b.c.o", "c.c.o"}


def test_a_module_elsewhere(tmp_path: Path) -> None:
    texts = {
        "module/own.h": "#define GET task_pt_regs(0)\n",
        "module/a.c": YES + '#include "own.h"\nint x = GET;\n',
        "module/b.c": NO + "int x = GET;\n",
        "module/c.c": YES + "#include <linux/all.h>\nint x = ALL;\n",
        "tree/include/linux/all.h": "#define ALL task_pt_regs(0)\n",
    }
    followed(tmp_path, texts)
    module, include = tmp_path / "module", tmp_path / "tree/include"
    units = [Unit(str(module / f"{n}.c"), f"{n}.o", str(module), ("gcc", "-c", f"{n}.c"), "gcc") for n in "abc"]
    headers = Headers(Words(["pt_regs"]), [tmp_path / "tree"], "x86", [str(module), str(include)])
    assert leading(units, (), headers).objects == {"a.o", "c.o"}


def test_one_source_compiled_twice(tmp_path: Path) -> None:
    followed(tmp_path, {"a.c": YES + "pt_regs\n"})
    units = [Unit("a.c", o, str(tmp_path), ("gcc", "-c", "a.c"), "gcc") for o in ("a.o", "b.o")]
    assert leading(units, (), Headers(Words(["pt_regs"]), [tmp_path], "x86", [])).objects == {"a.o", "b.o"}


def test_no_units(tmp_path: Path) -> None:
    assert leading((), ("x",), Headers(Words(["pt_regs"]), [tmp_path], "x86", [])).objects == set()


@pytest.mark.parametrize("piece", ["#ifdef X\n", "#if defined(X) ", "#include <a.h>\n", "#endif\n", "#else\n", "/* "])
def test_hostile_headers_are_read_once(piece: str, tmp_path: Path) -> None:
    header = piece * ((1 << 18) // len(piece)) + "\n#define GET task_pt_regs(0)\n"
    texts = {"include/linux/all.h": header, "a.c": YES + "#define X\n" + ALL + "struct pt_regs;\n"}
    assert followed(tmp_path, texts).objects == {"a.o"}
