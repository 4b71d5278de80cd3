# SPDX-License-Identifier: GPL-2.0-only
"""What a verdict table can ask, and how its answers make a verdict."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.judge.conditions import CONDITIONS, evaluate, guard_fires, holds
from auditor.judge.rules import Clause, Rule, by_id
from auditor.judge.verdicts import judge, judge_site
from auditor.layouts.effects import effects
from auditor.model import Effects, Expression, Field, Guard, Operation, Site, Verdict
from tests.judge.samples import ALL, HEAD, LAYOUT, MIDDLE, NAMES, NEW, NOTHING, TAIL, proposal, site

END = ("end-anchored",)
NOT_HEAD: Expression = ("!=", ("offsetof", "bx"), ("const", 0))
FORTY: Expression = ("==", ("sizeof",), ("const", 40))

# condition: [(site, the samples under which it holds)]
TABLE: dict[str, list[tuple[Site, str]]] = {
    "moves": [
        (site("bx"), "head"),
        (site("ip"), "head middle removed swapped"),
        (site("r11"), "head middle removed"),
        (site("bx", "ip"), "head middle removed swapped"),
        (site(span=(16, 24)), ""),
        (site("bx", traits=END), "middle tail above removed resized"),
        (site("ss", traits=END), "tail above resized"),
        (site(traits=END), "head middle tail above removed resized"),
    ],
    "stale": [
        (site(), ""),
        (site(span=(0, 8)), "head"),
        (site(span=(8, 16)), "head middle removed"),
        (site(span=(16, 24)), "head middle removed swapped"),
        (site(span=(4, 8)), "head"),
        (site(span=(40, 48)), "head middle tail resized"),
        (site(span=(48, 56)), ""),
        (site(span=(-8, 0)), ""),
        # Counted from a member, which moves along.
        (site(span=(0, 8), traits=("anchor=bx",)), ""),
        (site(span=(8, 16), traits=("anchor=bx",)), "middle removed"),
        (site(span=(24, 32), traits=("anchor=ip",)), "swapped"),
    ],
    "gains": [
        (site(), ""),
        (site(span=(32, 40)), ""),
        (site(span=(40, 48)), "tail"),
        (site(span=(36, 44)), "tail"),
        (site(span=(48, 56)), ""),
        (site(span=(0, 40)), ""),
        (site(span=(-8, 0)), "entry call"),
        (site(span=(-4, 4)), "entry call"),
        (site(span=(-16, -8)), ""),
        (site(span=(-16, -7)), "entry call"),
        (site(span=(40, 48), traits=("anchor=ss",)), "tail"),
    ],
    "apart": [
        (site(traits=("anchor=bx",)), "middle removed resized swapped"),
        (site(traits=("anchor=r11",)), "removed resized swapped"),
        (site(traits=("anchor=ip",)), "resized swapped"),
        (site(traits=("anchor=ss",)), "resized"),
        (site(span=(16, 40), traits=("anchor=ip",)), "resized swapped"),
        (site(span=(16, 32), traits=("anchor=ip",)), "swapped"),
        (site(span=(0, 16), traits=("anchor=bx",)), "middle removed"),
        (site(span=(0, 8), traits=("anchor=bx",)), ""),
        # From a member back to those in front of it.
        (site(span=(0, 8), traits=("anchor=ip",)), "middle removed swapped"),
    ],
    "tail-distance": [
        (site(), ""),
        (site("bx"), "middle tail removed resized"),
        (site("ip"), "tail resized swapped"),
        (site("ss"), "tail resized"),
    ],
    "anchor-moves": [
        (site("ip"), ""),
        (site(traits=("anchor=bx",)), "head"),
        (site(traits=("anchor=ip",)), "head middle removed swapped"),
    ],
    "guard-of-another-build": [
        (site(), ""),
        (site(guard=Guard(NOT_HEAD)), ""),
        (site(guard=Guard(FORTY)), ""),
        (replace(site(guard=Guard(NOT_HEAD)), evidence="syntactic"), ""),
        (replace(site(guard=Guard(FORTY)), evidence="syntactic"), " ".join(ALL)),
        (site(guard=Guard(NOT_HEAD), traits=("measured",)), " ".join(ALL)),
    ],
    "measured-changes": [
        (site(), ""),
        (site("bx"), "head"),
        (site("bx", traits=("user-twin",)), ""),
        (site("unheard"), "head middle tail removed resized swapped"),
        (site(traits=("measures-size",)), "head middle tail removed resized"),
    ],
    "guard-fires": [
        (site(), ""),
        (site(guard=Guard(NOT_HEAD)), "head"),
        (site(guard=Guard(("==", ("offsetof", "bx"), ("const", 0)), positive=True)), "head"),
        (site(guard=Guard(FORTY, positive=True)), "head middle tail removed resized"),
        (site(guard=Guard(("!=", ("offsetof", "r11"), ("const", 8)))), "head middle removed"),
        # Would stop today's build as well: misread.
        (site(guard=Guard(("==", ("const", 1), ("const", 1)))), ""),
        (site(guard=Guard(FORTY)), ""),
        (site(guard=Guard(NOT_HEAD, positive=True)), ""),
        # Of another build: what lets one value pass, whatever that is.
        (site("bx", traits=("measured",), guard=Guard(("!=", ("offsetof", "bx"), ("const", 99)))), "head"),
        (site("bx", traits=("measured",), guard=Guard(("==", ("offsetof", "bx"), ("const", 99)))), ""),
        (site("bx", traits=("measured",), guard=Guard((">", ("offsetof", "bx"), ("const", 99)))), ""),
        (
            site(traits=("measured", "measures-size"), guard=Guard(("==", ("const", 68), ("sizeof",)), positive=True)),
            "head middle tail removed resized",
        ),
        # Becomes meaningless.
        (site(guard=Guard(("/", ("const", 1), ("-", ("const", 48), ("sizeof",))))), "head middle tail resized"),
    ],
    "field-removed": [(site("r11"), "removed"), (site("bx", "r11"), "removed"), (site("ip"), ""), (site(), "")],
    "any-shift": [(site(), "head middle removed swapped")],
    "layout-changes": [(site(), "head middle tail removed resized swapped")],
    "resized": [(site(), "head middle tail removed resized")],
    "new-head": [(site(), "head")],
    "new-tail": [(site(), "tail")],
    "frame-below": [(site(), "entry below")],
    "frame-above": [(site(), "above")],
    "extension": [(site(), "entry call")],
    "extension-per-entry": [(site(), "entry")],
    "extension-per-call": [(site(), "call")],
}
CASES = [(name, one, wanted) for name, cases in TABLE.items() for one, wanted in cases]


def test_the_table_knows_every_condition() -> None:
    assert set(TABLE) == set(CONDITIONS)


@pytest.mark.parametrize(("name", "one", "wanted"), CASES, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(CASES)])
def test_condition(name: str, one: Site, wanted: str) -> None:
    assert {label for label, e in ALL.items() if holds(name, one, e)} == set(wanted.split())


def test_traits_and_provenance() -> None:
    one = replace(site(traits=("uapi", "holder=frame")), provenance="task")
    assert holds("trait:uapi", one, NOTHING) and not holds("!trait:uapi", one, NOTHING)
    assert holds("trait:holder=frame", one, NOTHING) and not holds("trait:holder", one, NOTHING)
    assert holds("!trait:padding", one, NOTHING)
    assert holds("provenance:task", one, NOTHING) and not holds("provenance:entry", one, NOTHING)
    assert holds("!provenance:entry", one, NOTHING) and not holds("!provenance:task", one, NOTHING)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (("const", 3), 3),
        (("sizeof",), 40),
        (("offsetof", "ip"), 16),
        (("+", ("offsetof", "ss"), ("const", 8)), 40),
        (("-", ("sizeof",), ("offsetof", "ss")), 8),
        (("*", ("const", 3), ("const", 4)), 12),
        (("/", ("const", 9), ("const", 2)), 4),
        (("%", ("sizeof",), ("const", 16)), 8),
        (("<<", ("const", 1), ("const", 4)), 16),
        (("&", ("sizeof",), ("const", 7)), 0),
        (("|", ("const", 4), ("const", 1)), 5),
        (("^", ("const", 5), ("const", 1)), 4),
        (("&&", ("const", 4), ("const", 2)), 1),
        (("||", ("const", 0), ("const", 0)), 0),
        (("!", ("sizeof",)), 0),
        (("-", ("const", 3)), 2**64 - 3),
        (("<=", ("offsetof", "ss"), ("const", 32)), 1),
        ((">", ("offsetof", "ss"), ("const", 32)), 0),
    ],
)
def test_expressions(expression: Expression, value: int) -> None:
    assert evaluate(expression, LAYOUT) == value


@pytest.mark.parametrize("expression", [("offsetof", "nosuch"), (), ("const", "3"), ("offsetof",)])
def test_what_cannot_be_evaluated_is_a_lookup_error(expression: Expression) -> None:
    with pytest.raises(LookupError):
        evaluate(expression, LAYOUT)


# Verdicts


def clause(verdict: Verdict, *when: str) -> Clause:
    return Clause(verdict, when, f"{{expression}} is {verdict.value}", "")


def rule(*clauses: Clause) -> Rule:
    return Rule("field/read", "sample", "W.", "W.", "E.", "General.", ("r",), clauses)


def test_verdicts_are_ordered() -> None:
    ordered = sorted(Verdict, key=lambda v: v.rank)
    assert [v.value for v in ordered] == ["safe", "rebuild", "review", "build-fails", "abi", "break"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_highest_clause_that_applies_wins(order: tuple[int, ...]) -> None:
    clauses = [
        clause(Verdict.REBUILD, "any-shift"),
        clause(Verdict.ABI, "any-shift", "new-head"),
        clause(Verdict.BREAK, "any-shift", "new-tail"),
    ]
    found = rule(*(clauses[i] for i in order))
    wanted = {"nothing": "safe", "tail": "safe", "middle": "rebuild", "head": "abi"}
    assert {n: judge_site(site(), found, proposal(), ALL[n]).verdict.value for n in wanted} == wanted


def test_of_equal_clauses_the_first_one_speaks() -> None:
    one = Clause(Verdict.BREAK, (), "first", "its own fix")
    found = judge_site(site(), rule(one, clause(Verdict.BREAK)), proposal(), NOTHING)
    assert (found.why, found.fix) == ("first", "its own fix")


def test_a_fix_is_given_from_review_on() -> None:
    for verdict in set(Verdict) - {Verdict.SAFE}:
        found = judge_site(site(), rule(clause(verdict)), proposal(), NOTHING)
        assert found.why == f"EXPRESSION is {verdict.value}"
        assert found.fix == ("" if verdict is Verdict.REBUILD else "General.")


def test_without_a_clause_the_rule_speaks() -> None:
    found = judge_site(site(), rule(), proposal(), HEAD)
    assert (found.verdict, found.why, found.fix) == (Verdict.SAFE, "sample: nothing it depends on changes", "")


GUARD = site("bx", rule="assert/build", function="f", line=7, guard=Guard(NOT_HEAD))


def verdicts(sites: list[Site], under: Effects) -> list[str]:
    return [row["sample"].verdict.value for row in judge(sites, by_id(), [(proposal(), under)])]


def test_a_guard_speaks_for_its_own_function_only() -> None:
    sites = [
        GUARD,
        site("ip"),
        site("ip", function="g"),
        site("ip", file="b.c"),
        site("ip", function=""),
    ]
    assert verdicts(sites, HEAD) == ["build-fails", "build-fails", "rebuild", "rebuild", "rebuild"]
    assert verdicts(sites, MIDDLE) == ["safe", "rebuild", "rebuild", "rebuild", "rebuild"]


def test_a_guard_outside_of_functions_speaks_for_itself() -> None:
    assert verdicts([replace(GUARD, function=""), site("ip", function="")], HEAD) == ["build-fails", "rebuild"]


def test_a_guard_stops_what_would_break_and_leaves_what_is_safe() -> None:
    raw = site(span=(0, 8), rule="raw-offset/constant")
    size = site(span=(0, 40), rule="size/value")
    sites = [GUARD, raw, site("bx"), size, replace(raw, bytes=(48, 56))]
    assert verdicts(sites, HEAD) == ["build-fails", "build-fails", "build-fails", "build-fails", "safe"]
    assert verdicts(sites[1:], HEAD) == ["break", "rebuild", "rebuild", "safe"]
    assert verdicts(sites, TAIL) == ["safe", "safe", "safe", "rebuild", "safe"]


def test_a_stopped_site_says_which_guard_and_what_else() -> None:
    raw = site(span=(0, 8), rule="raw-offset/constant")
    (alone,) = judge([raw], by_id(), [(proposal(), HEAD)])
    _, found = judge([GUARD, raw], by_id(), [(proposal(), HEAD)])
    assert found["sample"].why.startswith("the guard in line 7 (`EXPRESSION`) stops the build first; ")
    assert found["sample"].why.endswith(alone["sample"].why)
    assert found["sample"].fix == alone["sample"].fix != ""


# Any site, any change

MEMBERS = st.sampled_from(NAMES)
TRAITS = st.sampled_from([(), ("end-anchored",), ("uapi",), *((f"anchor={n}",) for n in NAMES)])
SPANS = st.none() | st.tuples(st.integers(-24, 56), st.integers(1, 48)).map(lambda t: (t[0], t[0] + t[1]))
SITES = st.builds(
    lambda fields, span, traits: site(*fields, span=span, traits=traits),
    st.lists(MEMBERS, max_size=3, unique=True),
    SPANS,
    TRAITS,
)


@st.composite
def changes(draw: st.DrawFn) -> Effects:
    size = draw(st.sampled_from([1, 2, 4, 8, 16]))
    new = replace(NEW, size=size, type=f"char [{size}]")
    order = tuple(draw(st.lists(MEMBERS, min_size=2, max_size=5, unique=True)))
    operation = draw(
        st.sampled_from(
            [
                Operation("insert", (new,), after=draw(MEMBERS)),
                Operation("insert", (new,), at="head"),
                Operation("insert", (new, replace(new, name="more")), before=draw(MEMBERS)),
                Operation("remove", member=draw(MEMBERS)),
                Operation("resize", member=draw(MEMBERS), size=size),
                Operation("reorder", order=order),
                Operation("extension", (new,), scope=draw(st.sampled_from(["entry", "call"]))),
                Operation("frame-above", bytes=size),
                Operation("frame-below", bytes=size),
            ]
        )
    )
    return effects(LAYOUT, proposal(operation))


@given(SITES, changes(), st.sampled_from(sorted(CONDITIONS)))
def test_a_negation_is_the_opposite(one: Site, under: Effects, name: str) -> None:
    assert holds(f"!{name}", one, under) is not holds(name, one, under)


@given(SITES, st.sampled_from(sorted(CONDITIONS)))
def test_nothing_holds_where_nothing_changes(one: Site, name: str) -> None:
    assert not holds(name, one, NOTHING)


@given(SITES)
def test_every_rule_is_safe_where_nothing_changes(one: Site) -> None:
    for found in by_id().values():
        assert judge_site(replace(one, rule=found.id), found, proposal(), NOTHING).verdict is Verdict.SAFE, found.id


@given(st.lists(MEMBERS, min_size=1, max_size=3, unique=True), SPANS, changes())
def test_members_that_stay_keep_a_field_safe(fields: list[str], span: tuple[int, int] | None, under: Effects) -> None:
    stays = not any(n in under.shift or n in under.removed for n in fields)
    for found in by_id().values():
        if found.kind == "field":
            verdict = judge_site(site(*fields, span=span, rule=found.id), found, proposal(), under).verdict
            assert (verdict is Verdict.SAFE) == stays, found.id


@given(SITES, changes())
def test_moves_is_about_offsets(one: Site, under: Effects) -> None:
    """Said again from the two layouts alone."""
    end = "end-anchored" in one.traits

    def place(member: Field | None, size: int) -> int | None:
        return None if member is None else member.offset - (size if end else 0)

    grown = under.frame_above if end else 0
    wanted = any(
        (old := place(under.before.get(n), under.before.size)) is not None
        and ((new := place(under.after.get(n), under.after.size)) is None or new - grown != old)
        for n in one.fields
    )
    if not one.fields:
        wanted = end and under.after.size + grown != under.before.size
    assert holds("moves", one, under) == wanted


@given(st.lists(st.tuples(st.sampled_from(list(Verdict)[1:]), st.booleans()), max_size=6))
def test_the_verdict_is_the_highest_that_applies(table: list[tuple[Verdict, bool]]) -> None:
    found = rule(*(clause(v, "new-head" if applies else "new-tail") for v, applies in table))
    wanted = max((v.rank for v, applies in table if applies), default=0)
    assert judge_site(site(), found, proposal(), HEAD).verdict.rank == wanted


@given(st.lists(SITES, max_size=4), st.lists(st.sampled_from(["f", "g", ""]), min_size=4, max_size=4), changes())
def test_guards_change_no_other_function(sites: list[Site], functions: list[str], under: Effects) -> None:
    placed = [replace(s, function=f) for s, f in zip(sites, functions, strict=False)]
    alone = verdicts(placed, under)
    guarded = verdicts([*placed, GUARD], under)[:-1]
    fires = guard_fires(GUARD, under)
    for one, before, now in zip(placed, alone, guarded, strict=True):
        stopped = fires and one.function == "f" and before != "safe"
        assert now == ("build-fails" if stopped else before)
