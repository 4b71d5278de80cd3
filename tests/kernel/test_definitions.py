# SPDX-License-Identifier: GPL-2.0-only
"""What a header's text defines. Each case is a text and what it must give: {name: some of the words that it uses}."""

from __future__ import annotations

import pytest

from auditor.kernel.definitions import Definition, Kind, definitions, identifiers

HUGE = 1 << 18


def defined(text: str | bytes, kind: Kind) -> dict[str, set[str]]:
    """{name: what it uses}, of all definitions of that name."""
    found: dict[str, set[str]] = {}
    for one in definitions(text.encode() if isinstance(text, str) else text):
        if one.kind is kind:
            found.setdefault(one.name.decode(), set()).update(u.decode() for u in one.uses)
    return found


@pytest.mark.parametrize(
    ("text", "macros"),
    [
        ("#define A regs\n", {"A": {"regs"}}),
        ("# \tdefine A(x) f(x)\n", {"A": {"x", "f"}}),
        ("#define A \\\n\tone \\\n\ttwo\nthree\n", {"A": {"one", "two"}}),
        ("#define A one\n#define A two\n", {"A": {"one", "two"}}),  # in whatever conditional
        ("#ifdef X\n#define A one\n#else\n#define A two\n#endif\n", {"A": {"one", "two"}}),
        ("#define A\n#define B 1\n", {"A": set(), "B": {"1"}}),
        ("#define A one /* two */ three\n", {"A": {"one", "three"}}),
        ("#define A one /* two \\\n three */ four\n", {"A": {"one", "four"}}),
        ("#define A one // two\n", {"A": {"one"}}),
        ("/*\n#define A one\n*/\n", {}),
        ("#define A one##x\n", {"A": {"one", "x"}}),
        # What stands in a string is no comment, and begins none.
        ('#define A "/*"\n#define B one\n/* end */', {"A": set(), "B": {"one"}}),
        ('#define A "http://x" one\n', {"A": {"http", "x", "one"}}),
        ("#define A '\"' one // '\"'\n", {"A": {"one"}}),
        ('#define A "a \\" // b" one\n', {"A": {"a", "b", "one"}}),
        ("#error don't /* x */\n#define A one\n", {"A": {"one"}}),
        ('#warning "open\n#define A one\n', {"A": {"one"}}),
        ("int define; x #define A one\n", {}),
        ("#undef A\n#defined A one\n", {}),
        ("#define A one", {"A": {"one"}}),
        ("#define A one /* open\n#define B two\n", {"A": {"one"}}),
    ],
)
def test_macros(text: str, macros: dict[str, set[str]]) -> None:
    assert defined(text, Kind.MACRO) == macros


@pytest.mark.parametrize(
    ("text", "functions"),
    [
        ("static inline int f(void) { return one; }\nint two;\n", {"f": {"one"}}),
        ("static inline int f(void)\n{\n\treturn one;\n}\nint two;\n", {"f": {"one"}}),
        ("static inline int\nf(void)\n{\n\treturn one;\n}\n", {"f": {"one"}}),
        ("static int f(struct one *p)\n{\n\tif (p) {\n\t\treturn 1;\n\t}\n\ttwo();\n}\nthree\n", {"f": {"one", "two"}}),
        ("extern inline int f(void) { return one; }\n", {"f": {"one"}}),
        ("static __always_inline int f(void) { return one; }\n", {"f": {"one"}}),
        ("__inline__ int f(void) { return one; }\n", {"f": {"one"}}),
        ("static inline __attribute__((always_inline)) int f(void) { return one; }\n", {"f": {"one"}}),
        ("static inline __printf(1, 2) int f(void) { return one; }\n", {"f": {"one"}}),
        ("__printf(1, 2) static inline int f(void) { return one; }\n", {"f": {"one"}}),
        ("static inline int f(void) __attribute__((pure));\nint two;\n", {}),
        ("static inline int f(void) __acquires(lock)\n{\n\treturn one;\n}\n", {"f": {"one", "lock"}}),
        ("static inline struct pt_regs *f(void) { return one; }\n", {"f": {"pt_regs", "one"}}),
        ("static inline int f(int a,\n\t\t    int b)\n{\n\treturn one;\n}\n", {"f": {"one"}}),
        ("static int f(void);\nint g(void);\n", {}),
        ("static const struct x a[] = {\n\t{ F(one) },\n};\n", {}),
        ("static int (*const a[])(void) = {\n\tone,\n};\n", {}),
        ("static inline int f(void) { return one; }\nstatic inline int g(void) { return two; }\n",
         {"f": {"one"}, "g": {"two"}}),
        ("static inline int f(void)\n{\n\tstatic int x;\n\tstatic const int y[] = { 1 };\n\treturn one;\n}\n",
         {"f": {"one"}}),
        ("static inline int f(void)\n{\n#ifdef X\n\tif (one) {\n#else\n\tif (two) {\n#endif\n\t}\n}\nthree\n",
         {"f": {"one", "two"}}),
        # Two heads for one body: both have it, or at least that with the brace.
        ("#ifdef X\nstatic inline int f(int a)\n#else\nstatic inline int f(void)\n#endif\n{\n\treturn one;\n}\n",
         {"f": {"one"}}),
        ("/* static inline int f(void) { return one; } */\n", {}),
        ("int f(void) { return one; }\n", {}),  # one who includes it defines it, and that is seen there
        ("#define M static inline int f(void) { return one; }\n", {}),
    ],
)  # fmt: skip
def test_functions(text: str, functions: dict[str, set[str]]) -> None:
    found = defined(text, Kind.FUNCTION)
    assert found.keys() == functions.keys()
    words = {"one", "two", "three", "pt_regs", "lock"}
    assert {name: uses & words for name, uses in found.items()} == functions


def record(text: str) -> dict[str, tuple[set[str], set[str]]]:
    """{name: (words, what may be held by value)}, of those that begin with a capital."""
    found = {}
    for one in definitions(text.encode()):
        if one.kind is Kind.RECORD:
            words, held = ({w.decode() for w in ws if w[:1].isupper()} for ws in (one.uses, one.held))
            found[one.name.decode()] = words, held
    return found


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("struct a {\n\tstruct B b;\n};\nstruct C c;\n", {"a": ({"B"}, {"B"})}),
        ("struct a {\n\tstruct B *b;\n};\n", {"a": ({"B"}, set())}),
        ("struct a {\n\tstruct B *b;\n\tconst struct C c[2];\n};\n", {"a": ({"B", "C"}, {"C"})}),
        ("struct a {\n\tB_t b;\n};\n", {"a": ({"B_t"}, {"B_t"})}),
        ("struct a {\n\tB_t *b;\n};\n", {"a": ({"B_t"}, set())}),
        ("struct a { struct B b; };\nstruct c { struct D *d; };\n", {"a": ({"B"}, {"B"}), "c": ({"D"}, set())}),
        ("union a {\n\tstruct B b;\n};\n", {"a": ({"B"}, {"B"})}),
        ("struct a\n{\n\tstruct B b;\n};\n", {"a": ({"B"}, {"B"})}),
        ("struct a {\n\tstruct b {\n\t\tint x;\n\t} b;\n\tstruct C c;\n};\n",
         {"a": ({"C"}, {"C"}), "b": (set(), set())}),
        ("struct a {\n\tunion {\n\t\tstruct B b;\n\t\tstruct C *c;\n\t};\n} __packed;\n", {"a": ({"B", "C"}, {"B"})}),
        ("typedef struct {\n\tstruct B b;\n} a_t;\n", {"a_t": ({"B"}, {"B"})}),
        ("typedef struct { struct B b; } a_t;\nstruct C c;\n", {"a_t": ({"B"}, {"B"})}),
        ("typedef struct a {\n\tstruct B *b;\n} __packed a_t, *a_p;\n",
         {"a": ({"B"}, set()), "a_t": ({"B"}, set()), "a_p": ({"B"}, set())}),
        ("typedef struct B a_t;\n", {"a_t": ({"B"}, {"B"})}),
        ("typedef struct B *a_t;\n", {"a_t": ({"B"}, set())}),
        ("typedef struct B a_t[4];\n", {"a_t": ({"B"}, {"B"})}),
        ("typedef B_t\n\ta_t;\n", {"a_t": ({"B_t"}, {"B_t"})}),
        ("typedef int (*a_t)(struct B *b);\n", {}),  # whoever has one is handed a pointer
        ("struct a;\nstruct a *f(struct B *b);\nextern struct a a;\nstruct a a = {\n\tB\n};\n", {}),
        ("#ifdef X\nstruct a {\n\tstruct B b;\n#else\nstruct a {\n\tstruct C *c;\n#endif\n};\n", {"a": ({"C"}, set())}),
    ],
)  # fmt: skip
def test_records(text: str, records: dict[str, tuple[set[str], set[str]]]) -> None:
    assert record(text) == records


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("struct pt_regs *f(int x);\n", {"f": "pt_regs"}),
        ("extern struct pt_regs * f(int x);\n", {"f": "pt_regs"}),
        ("struct pt_regs *\nf(int x);\n", {"f": "pt_regs"}),
        ("struct pt_regs **f(void);\n", {"f": "pt_regs"}),
        ("struct pt_regs const *f(void);\n", {"f": "pt_regs"}),
        ("struct pt_regs *__must_check f(void);\n", {"f": "pt_regs"}),
        ("struct pt_regs f(void);\nint g(struct pt_regs *r);\n", {}),
        ("extern struct pt_regs r;\n", {"r": "pt_regs"}),
        ("extern struct pt_regs *r;\n", {"r": "pt_regs"}),
        ("extern struct pt_regs r[A(2)];\n", {"r": "pt_regs"}),
        ("extern struct pt_regs r __read_mostly;\n", {"r": "pt_regs"}),
        ("extern struct pt_regs __r;\n", {"__r": "pt_regs"}),
        ("DECLARE_PER_CPU(struct pt_regs, r);\n", {"r": "pt_regs"}),
        ("DECLARE_PER_CPU_ALIGNED(struct pt_regs *, r);\n", {"r": "pt_regs"}),
        ("DECLARE_PER_CPU(struct pt_regs, r[2]);\n", {"r": "pt_regs"}),
        ("\textern_struct pt_regs r;\nstruct pt_regs r;\n", {}),
        ("/* struct pt_regs *f(void); */\n", {}),
    ],
)
def test_what_yields_it(text: str, declared: dict[str, str]) -> None:
    found = defined(text, Kind.DECLARED)
    assert found.keys() == declared.keys()
    assert all(declared[name] in uses for name, uses in found.items())


def test_identifiers() -> None:
    assert identifiers(b"a->b_1+0x2f;\n\xe4c\xff(d)") == {b"a", b"b_1", b"0x2f", b"c", b"d"}
    assert identifiers(b"") == frozenset()


def test_bytes_that_are_no_text() -> None:
    text = b"\x00\xff\xfe#define A one\n#define B \xff two\n\x00struct \xe4 {\n"
    assert defined(text, Kind.MACRO) == {"B": {"two"}}
    assert defined(text, Kind.RECORD) == {}


HOSTILE = {
    "comments": b"/* ", "directives": b"#define ", "macros": b"#define\n", "continued": b"#define a \\\n",
    "heads": b"static inline ", "lines of heads": b"static inline\n", "open functions": b"static inline f(a) {\n",
    "open records": b"struct a {\n", "open inner records": b" struct a {\n", "one word": b"a", "stars": b"a *",
    "parentheses": b"(", "braces": b"{", "closing": b"}\n", "quotes": b'"', "escapes": b'"\\', "apostrophes": b"'\\",
    "structs": b"struct ", "typedefs": b"typedef\n", "spaces": b" ", "empty lines": b"\n", "zeros": b"\0",
    "variables": b"extern a\n", "calls": b"a (", "backslashes": b"\\\n", "externals": b"extern ",
}  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("before", [b"", b"static inline ", b"struct a ", b"extern x[", b"DECLARE_PER_CPU(x, "])
def test_hostile_text_is_read_once(before: bytes, piece: bytes) -> None:
    """Whatever is written ten thousand times over: the square of it would take many minutes."""
    text = before + piece * (HUGE // len(piece)) + b"\n#define\tLAST one\n"
    assert all(isinstance(d, Definition) for d in definitions(text))


def test_behind_unbalanced_braces() -> None:
    text = "static inline int f(void) {\n{{{\n" * 3 + "}\n#define A one\nstruct b {\n\tstruct B b;\n};\n"
    assert defined(text, Kind.MACRO) == {"A": {"one"}}
    assert record(text) == {"b": ({"B"}, {"B"})}
