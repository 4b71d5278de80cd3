# SPDX-License-Identifier: GPL-2.0-only
"""Whose code holds a site: the function that writes it, and those that a compiler inlines that into."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.evidence.c.calls import Calls, Function
from auditor.evidence.c.unit import Analyser
from auditor.kernel.closure import Leading
from auditor.kinds.dispatch import table
from tests.evidence.snippets import PRELUDE, analyse

BIG = "x++; " * 1000
"""A body that no compiler inlines at several calls."""
OWN = "/t/a.c"
SITE = "long x = 0; x = regs->ip;"


def holders(directory: Path, code: str, headers: dict[str, str] | None = None) -> set[str]:
    """The functions that hold the one site of `ip`. All headers and what they define lead to it."""
    more = headers or {}
    leading = Leading(frozenset(n.removesuffix(".h") for n in more), frozenset(str(directory / n) for n in more))
    analyser = Analyser(table(), leading=leading)
    result = analyse(directory, {"a.c": PRELUDE + code, **more}, f"-I{directory}", analyser=analyser)
    assert result.error == ""
    sites = [f for f in result.found if f.site.fields == ("ip",)]
    assert len(sites) == 1
    return set(sites[0].functions)


def leaf(name: str = "leaf", before: str = "static", body: str = "") -> str:
    return f"{before} long {name}(struct pt_regs *regs) {{ {SITE} {body} return x; }}\n"


def caller(name: str, callee: str = "leaf", before: str = "", body: str = "") -> str:
    return f"{before} long {name}(void *p) {{ long x = 0; {body} return {callee}(p) + x; }}\n"


@pytest.mark.parametrize(
    ("code", "functions"),
    [
        # A function of its own.
        (leaf(before=""), {"leaf"}),
        (leaf(before="", body=BIG) + caller("one", body=BIG), {"leaf"}),
        # static: where it is called once it may vanish into its caller, or not.
        (leaf() + caller("one"), {"leaf", "one"}),
        (leaf(body=BIG) + caller("one"), {"leaf", "one"}),
        # Called twice: only a small one.
        (leaf() + caller("one") + caller("two"), {"leaf", "one", "two"}),
        (leaf(body=BIG) + caller("one") + caller("two"), {"leaf"}),
        (leaf(body=BIG) + "long one(void *p) { return leaf(p) + leaf(p); }\n", {"leaf"}),
        # inline: at every call, and nowhere else unless it is large.
        (leaf(before="static inline") + caller("one") + caller("two"), {"one", "two"}),
        (leaf(before="static inline", body=BIG) + caller("one") + caller("two"), {"leaf", "one", "two"}),
        (leaf(before="static inline", body=BIG), {"leaf"}),
        ("#define __always_inline inline __attribute__((always_inline))\n"
         + leaf(before="static __always_inline", body=BIG) + caller("one"), {"one"}),
        # ... or its address is taken: by a table, a call, a variable.
        (leaf(before="static inline") + "long (*op)(struct pt_regs *) = leaf;\n", {"leaf"}),
        (leaf(before="static inline") + "struct ops { long (*get)(struct pt_regs *); };\n"
         "const struct ops ops[] = { { .get = (void *)&leaf } };\n" + caller("one"), {"leaf", "one"}),
        (leaf(before="static inline") + "void run(long (*)(struct pt_regs *));\nvoid one(void) { run(leaf); }\n",
         {"leaf", "one"}),
        (leaf(before="static inline") + "long one(void *p) { return (*leaf)(p) + (leaf)(p); }\n", {"one"}),
        (leaf(before="static inline") + "long one(void *p) { return ((long (*)(void *))leaf)(p); }\n", {"one"}),
        (leaf(before="static inline"), set()),
        (leaf(before="static __attribute__((always_inline)) inline") + caller("one"), {"one"}),
        # A chain of three.
        (leaf(before="static inline") + caller("second", before="static inline")
         + caller("third", "second", "static inline") + caller("one", "third"), {"one"}),
        (leaf(before="static inline") + caller("second", before="static inline")
         + caller("third", "second", body=BIG) + caller("one", "third", body=BIG), {"third"}),
        # It ends where no compiler inlines.
        (leaf() + caller("middle", before="static", body=BIG) + caller("one", "middle") + caller("two", "middle"),
         {"leaf", "middle"}),
        # Not called, or by one that holds nothing of it.
        (leaf() + "long other(void *p) { return 0; }\n", {"leaf"}),
        (leaf() + 'long other(void *p) { return sizeof("leaf(p)"); /* leaf(p) */ }\n', {"leaf"}),
        (leaf() + "long other(long leaf) { return leaf; }\n", {"leaf"}),
        # Declared before it is called, defined behind.
        ("static long leaf(struct pt_regs *regs);\n" + caller("one") + leaf(), {"leaf", "one"}),
        # It calls itself, or two call each other.
        (leaf(body="if (x) leaf(regs);"), {"leaf"}),
        ("static long other(void *p);\n" + leaf(body="other(regs);")
         + caller("other", before="static") + caller("one", "other"), {"leaf", "other", "one"}),
        ("static inline long other(void *p);\n" + leaf(before="static inline", body="other(regs);")
         + caller("other", before="static inline"), set()),
        # Its address is all that is taken: whoever calls it does so by that.
        (leaf(body=BIG) + "long (*const table[])(struct pt_regs *) = { leaf, leaf };\n"
         "long one(void *p) { return table[0](p); }\n", {"leaf"}),
        (leaf(body=BIG) + caller("one") + "long two(void *p) { long (*f)(struct pt_regs *) = leaf; return f(p); }\n",
         {"leaf"}),
        # Made by a macro: the name is one of its arguments, and nobody knows how large it is.
        ("#define MAKE(name) static inline long name##_get(struct pt_regs *regs) { return regs->ip; }\nMAKE(of)\n"
         + caller("one", "of_get"), {"of_get", "one"}),
        ("#define MAKE(name) long name##_make(void *p) { return leaf(p); }\n" + leaf(before="static inline")
         + "MAKE(one)\n", {"one_make"}),
        # Called by a macro's body.
        ("#define CALL(p) leaf(p)\n" + leaf(before="static inline") + "long one(void *p) { return CALL(p); }\n",
         {"one"}),
    ],
)  # fmt: skip
def test_in_one_file(code: str, functions: set[str], tmp_path: Path) -> None:
    assert holders(tmp_path, code) == functions


def test_inline_functions_of_headers(tmp_path: Path) -> None:
    headers = {
        "leaf.h": leaf(before="static inline"),
        "more.h": '#include "leaf.h"\n' + caller("more", before="static inline"),
    }
    include = '#include "more.h"\n'
    assert holders(tmp_path, include, headers) == set()
    assert holders(tmp_path, include + caller("one") + "int no;\n", headers) == {"one"}
    assert holders(tmp_path, include + caller("one", "more") + caller("two"), headers) == {"one", "two"}
    assert holders(tmp_path, include + "long no(long more) { return more; }\n", headers) == set()


def test_a_macro_in_a_function_that_is_inlined(tmp_path: Path) -> None:
    code = "#define GET(regs) (regs)->ip\nstatic inline long leaf(struct pt_regs *r) { return GET(r); }\n"
    result = analyse(tmp_path, {"a.c": PRELUDE + code + caller("one")})
    assert [f.functions for f in result.found if "ip" in f.site.fields] == [("one",)]


def test_data_have_no_function(tmp_path: Path) -> None:
    result = analyse(tmp_path, {"a.c": PRELUDE + "int x = sizeof(struct pt_regs);\n" + caller("one", "(long)")})
    assert [set(f.functions) for f in result.found if f.site.rule.startswith("size/")] == [set()]


def made(name: str, *refers: str, inline: bool = False, static: bool = False, size: int = 5000) -> Function:
    counts = {r: refers.count(r) for r in refers}
    return Function(name, inline, static, size, tuple(sorted(counts.items())), (OWN, 0), always=inline)


def test_calls() -> None:
    calls = Calls(
        [
            made("leaf", inline=True),
            made("a", "leaf", "leaf", "unknown", static=True),
            made("b", "a"),
            made("c", "b", "leaf"),
            made("d", "d", "e", inline=True),
            made("e", "d", inline=True),
        ],
        OWN,
    )
    assert calls.holders(["leaf"]) == ("a", "b", "c")
    assert calls.holders(["a"]) == ("a", "b")
    assert calls.holders(["b", "c"]) == ("b", "c")
    assert calls.holders(["d"]) == ()
    # What has no body here is compiled elsewhere.
    assert calls.holders(["elsewhere"]) == ()
    assert calls.holders([]) == ()
    assert Calls([], OWN).holders(["x"]) == ()


def test_calls_of_many() -> None:
    """A chain as long as no stack is."""
    chain = [made("f0", inline=True)] + [made(f"f{i}", f"f{i - 1}", inline=True) for i in range(1, 20000)]
    assert Calls([*chain, made("last", "f19999")], OWN).holders(["f0"]) == ("last",)


DECLARING = """
#define SYSCALL(name)							\\
	long do_##name(struct pt_regs *regs);				\\
	long sys_##name(struct pt_regs *) __attribute__((alias("do_" #name)));	\\
	void old_##name(void) __attribute__((deprecated));		\\
	long do_##name(struct pt_regs *regs)
SYSCALL(exit) { return regs->ip; }
"""


def test_an_alias_is_another_name_and_no_other_attribute_is(tmp_path: Path) -> None:
    assert holders(tmp_path, DECLARING) == {"do_exit", "sys_exit"}


@pytest.mark.parametrize("attribute", ["noinline", "__weak"])
def test_what_must_not_be_inlined_keeps_its_code(tmp_path: Path, attribute: str) -> None:
    code = "#define noinline __attribute__((noinline))\n#define __weak __attribute__((weak))\n"
    assert holders(tmp_path, code + leaf(before=attribute) + caller("f")) == {"leaf"}
