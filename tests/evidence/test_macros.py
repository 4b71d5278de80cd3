# SPDX-License-Identifier: GPL-2.0-only
"""Which line a dependence is written on when macros write it: the definition's, the argument's, or the use's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.evidence.c.macros import Definitions, Expansions, Place
from auditor.evidence.c.source import Sources
from tests.evidence.snippets import PRELUDE, analyse, own_sites

Lookup = Callable[..., Place | None]


def expansions(path: Path, text: str, inactive: tuple[int, ...] = ()) -> tuple[Expansions, str]:
    """`inactive`: lines whose definitions the preprocessor skipped."""
    path.write_text(text)
    sources = Sources()
    definitions = Definitions(sources)
    definitions.read(str(path))

    def active(file: str, offset: int) -> bool:
        return sources.get(file).line_of(offset)[0] not in inactive

    return Expansions(definitions, [str(path)], active), str(path)


def line(place: Place | None, text: str) -> int:
    assert place is not None
    return text.count("\n", 0, place.lo) + 1


def written(place: Place | None, text: str) -> str:
    assert place is not None
    return text[place.lo : place.hi]


# The definitions alone


def test_the_body_and_its_parameters(tmp_path: Path) -> None:
    text = "#define IP(r) ((r)->ip)\n#define  SIZE 8\n# define NONE\n#define SPACED (r) r\n"
    found, _ = expansions(tmp_path / "a.h", text)
    ip, size, none, spaced = (found.get(n) for n in ("IP", "SIZE", "NONE", "SPACED"))
    assert ip is not None and ip.parameters == ("r",)
    assert size is not None and size.parameters is None
    assert none is not None and none.parameters is None
    # A blank before the parenthesis: it belongs to the body.
    assert spaced is not None and spaced.parameters is None
    assert found.get("ip") is None
    assert found.find("SIZE", (), 0) is not None
    assert found.find("NONE", (), 0) is None


def test_nested_expansions_lead_to_the_body_that_writes_it(tmp_path: Path) -> None:
    text = "#define A(r) B(r)\n#define B(r) C(r)\n#define C(r) ((r)->ip)\n#define D(r) ((r)->sp)\n"
    found, _ = expansions(tmp_path / "a.h", text)
    place = found.find("A", ("->|.", "ip"), 0)
    assert (line(place, text), written(place, text)) == (3, "->ip")
    assert place is not None and place.macro.name == "C"
    assert found.find("A", ("->|.", "sp"), 0) is None
    assert found.find("D", ("->|.", "sp"), 0) is not None


def test_a_choice_matches_either_token(tmp_path: Path) -> None:
    text = "#define A(r) (r).ip\n#define B(r) (r)->ip\n#define C(a, b) ((a) | (b))\n"
    found, _ = expansions(tmp_path / "a.h", text)
    assert written(found.find("A", ("->|.", "ip"), 0), text) == ".ip"
    assert written(found.find("B", ("->|.", "ip"), 0), text) == "->ip"
    assert written(found.find("C", ("|",), 0), text) == "|"


def test_equal_places_are_counted_in_order(tmp_path: Path) -> None:
    text = "#define TWO(r) \\\n\t((r)->ip + \\\n\t (r)->ip)\n"
    found, _ = expansions(tmp_path / "a.h", text)
    assert [line(found.find("TWO", ("->|.", "ip"), n), text) for n in (0, 1, 2)] == [2, 3, 2]


def test_a_parameter_is_no_macro(tmp_path: Path) -> None:
    text = "#define ip ((void)0)->ip\n#define A(ip) (ip)\n"
    found, _ = expansions(tmp_path / "a.h", text)
    assert line(found.find("A", ("->|.", "ip"), 0), text) == 2


def test_pasted_members_are_where_the_paste_is(tmp_path: Path) -> None:
    text = "#define REG(r, n) ((r)->n##x)\n#define AX(r) REG(r, a)\n"
    found, _ = expansions(tmp_path / "a.h", text)
    place = found.find("AX", ("->|.", "ax"), 0)
    assert (line(place, text), written(place, text)) == (1, "n")
    assert found.find("AX", ("->|.", "ax"), 0, False) is None


def test_a_pasted_macro_name_is_followed(tmp_path: Path) -> None:
    text = "#define ARGS1(r) (r)->di\n#define ARGS2(r) ARGS1(r), (r)->si\n#define ARGS(n, r) ARGS##n(r)\n"
    found, _ = expansions(tmp_path / "a.h", text)
    assert line(found.find("ARGS", ("->|.", "di"), 0), text) == 1
    assert line(found.find("ARGS", ("->|.", "si"), 0), text) == 2


def test_recursion_ends(tmp_path: Path) -> None:
    text = "#define A(r) B(r) + (r)->ip\n#define B(r) A(r) + (r)->sp\n#define ME ME\n"
    found, _ = expansions(tmp_path / "a.h", text)
    assert line(found.find("A", ("->|.", "sp"), 0), text) == 2
    assert line(found.find("B", ("->|.", "ip"), 0), text) == 1
    assert found.find("ME", ("->|.", "ip"), 0) is None


def test_a_long_chain_ends(tmp_path: Path) -> None:
    text = "".join(f"#define M{n}(r) M{n + 1}(r)\n" for n in range(40)) + "#define M40(r) (r)->ip\n"
    found, _ = expansions(tmp_path / "a.h", text)
    assert found.find("M0", ("->|.", "ip"), 0) is None
    assert line(found.find("M30", ("->|.", "ip"), 0), text) == 41


def test_definitions_that_the_preprocessor_skipped_say_nothing(tmp_path: Path) -> None:
    text = "#ifdef OLD\n#define IP(r) (r)->ip\n#else\n#define IP(r) (r)->sp\n#endif\n"
    found, _ = expansions(tmp_path / "a.h", text, inactive=(2,))
    assert found.find("IP", ("->|.", "ip"), 0) is None
    assert line(found.find("IP", ("->|.", "sp"), 0), text) == 4
    found, _ = expansions(tmp_path / "a.h", text, inactive=(2, 4))
    assert found.get("IP") is None


def test_of_two_definitions_the_one_above_the_use_counts(tmp_path: Path) -> None:
    text = "#define IP(r) (r)->ip\nfirst\n#undef IP\n#define IP(r) (r)->sp\nsecond\n"
    found, path = expansions(tmp_path / "a.h", text)

    def at(word: str) -> Place | None:
        needle = ("->|.", "ip" if word == "first" else "sp")
        return found.find("IP", needle, 0, True, (path, text.index(word)))

    assert line(at("first"), text) == 1
    assert line(at("second"), text) == 4
    assert found.find("IP", ("->|.", "sp"), 0, True, (path, text.index("first"))) is None
    assert found.find("IP", ("->|.", "ip"), 0, True, (path, text.index("second"))) is None


def test_comments_and_strings_are_no_tokens(tmp_path: Path) -> None:
    text = '#define A(r) /* (r)->ip */ ((r)-> /* not sp */ \\\n\t/* nor\\\n cs */ ip) "->sp"\n'
    found, _ = expansions(tmp_path / "a.h", text)
    place = found.find("A", ("->|.", "ip"), 0)
    assert place is not None
    assert (line(place, text), text[place.hi - 2 : place.hi]) == (1, "ip")
    assert text.count("\n", 0, place.hi) == 2
    assert found.find("A", ("->|.", "sp"), 0) is None
    assert found.find("A", ("cs",), 0) is None


def test_a_file_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.h"
    path.write_text("#define A 1\n")
    definitions = Definitions(Sources())
    assert [m.name for m in definitions.read(str(path))] == ["A"]
    assert definitions.read(str(path)) == []
    assert definitions.read(str(tmp_path / "missing.h")) == []
    assert len(definitions.named("A")) == 1


def test_whether_a_body_itself_names_another_macro(tmp_path: Path) -> None:
    found, _ = expansions(tmp_path / "a.h", "#define PAD 0\n#define TOP (SIZE - PAD)\n#define OUTER TOP\n")
    assert found.writes("TOP", "PAD")
    assert not found.writes("OUTER", "PAD")
    assert not found.writes("unknown", "PAD")


# Through libclang

USE = "unsigned long f(struct pt_regs *regs)\n{\n\treturn %s;\n}\n"


def places(tmp_path: Path, macros: str, use: str) -> list[tuple[str, int, tuple[str, ...], str]]:
    """(rule, line, fields, function); the macros start in line 2."""
    result = analyse(tmp_path, {"a.c": PRELUDE + macros + USE % use})
    assert result.error == ""
    return [(s.rule, s.line, s.fields, s.function) for s in own_sites(result)]


@pytest.mark.parametrize(
    ("macros", "use", "wanted"),
    [
        # The body names the member: the definition, whoever uses it.
        ("#define IP(r) ((r)->ip)\n", "IP(regs)", [("field/read", 2, ("ip",), "IP")]),
        ("#define IP regs->ip\n", "IP", [("field/read", 2, ("ip",), "IP")]),
        ("#define IP(r) \\\n\t/* of the\\\n\t   context */ \\\n\t((r)->ip)\n", "IP(regs)",
         [("field/read", 5, ("ip",), "IP")]),
        ("#define IP(r) ((r)->ip)\n#define OUTER(r) IP(r)\n", "OUTER(regs)", [("field/read", 2, ("ip",), "IP")]),
        # The argument names it: the caller.
        ("#define SAME(x) (x)\n", "SAME(regs->ip)", [("field/read", 5, ("ip",), "f")]),
        ("#define GET(r, m) ((r)->m)\n", "GET(regs, ip)", [("field/read", 5, ("ip",), "f")]),
        ("#define SAME(x) (x)\n#define TWICE(x) (SAME(x) + SAME(x))\n", "SAME(SAME(regs->ip))",
         [("field/read", 6, ("ip",), "f")]),
        # One macro hands the member to another: the body that wrote it.
        ("#define GET(r, m) ((r)->m)\n#define IP(r) GET(r, ip)\n", "IP(regs)", [("field/read", 3, ("ip",), "IP")]),
        # One body, two members; one member twice.
        ("#define SUM(r) ((r)->ip + \\\n\t(r)->sp)\n", "SUM(regs)",
         [("field/read", 2, ("ip",), "SUM"), ("field/read", 3, ("sp",), "SUM")]),
        ("#define TWO(r) ((r)->ip + \\\n\t(r)->ip)\n", "TWO(regs)",
         [("field/read", 2, ("ip",), "TWO"), ("field/read", 3, ("ip",), "TWO")]),
        # Skipped by the preprocessor.
        ("#ifdef NOT\n#define IP(r) ((r)->sp)\n#else\n#define IP(r) ((r)->ip)\n#endif\n", "IP(regs)",
         [("field/read", 5, ("ip",), "IP")]),
    ],
)  # fmt: skip
def test_attribution(
    tmp_path: Path, macros: str, use: str, wanted: list[tuple[str, int, tuple[str, ...], str]]
) -> None:
    assert places(tmp_path, macros, use) == wanted


def test_the_name_of_a_function_like_macro_alone_is_no_expansion(tmp_path: Path) -> None:
    macros = "#define IP(r) ((r)->ip)\nunsigned long (IP)(struct pt_regs *r);\n"
    assert places(tmp_path, macros, "(IP)(regs)") == []
    assert places(tmp_path, macros, "(IP)(regs) + IP(regs)") == [("field/read", 2, ("ip",), "IP")]


def test_two_uses_of_one_macro_are_one_site_with_two_places(tmp_path: Path) -> None:
    code = PRELUDE + "#define IP(r) ((r)->ip)\n" + USE % "IP(regs) +\n\tIP(regs)"
    result = analyse(tmp_path, {"a.c": code})
    (found,) = [f for f in result.found if f.site.rule == "field/read"]
    assert (found.site.line, found.places, found.functions) == (2, (("a.c", 5), ("a.c", 6)), ("f",))


def test_each_definition_explains_the_uses_below_it(tmp_path: Path) -> None:
    code = "#define GET(r) ((r)->ip)\n" + USE % "GET(regs)"
    code += "#undef GET\n\n#define GET(r) ((r)->sp)\n" + (USE % "GET(regs)").replace(" f(", " g(")
    result = analyse(tmp_path, {"a.c": PRELUDE + code})
    found = [(f.site.line, f.site.fields, f.functions) for f in result.found if f.site.rule == "field/read"]
    assert sorted(found) == [(2, ("ip",), ("f",)), (9, ("sp",), ("g",))]


def test_each_definition_of_the_same_text_explains_its_own_uses(tmp_path: Path) -> None:
    code = "#define GET(r) ((r)->ip)\n" + USE % "GET(regs)"
    code += "#undef GET\n\n#define GET(r) ((r)->ip)\n" + (USE % "GET(regs)").replace(" f(", " g(")
    result = analyse(tmp_path, {"a.c": PRELUDE + code})
    found = [(f.site.line, f.functions) for f in result.found if f.site.rule == "field/read"]
    assert sorted(found) == [(2, ("f",)), (9, ("g",))]


def test_a_header_and_its_macro_belong_to_the_header(tmp_path: Path) -> None:
    files = {"a.c": PRELUDE + '#include "b.h"\n' + USE % "IP(regs)", "b.h": "\n#define IP(r) ((r)->ip)\n"}
    (found,) = [f for f in analyse(tmp_path, files).found if f.site.rule == "field/read"]
    assert (found.site.file, found.site.line) == ("b.h", 2)
    assert found.places == (("a.c", 5),)
