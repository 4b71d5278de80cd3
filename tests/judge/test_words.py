# SPDX-License-Identifier: GPL-2.0-only
"""The sentences of a verdict: every placeholder, and no sentence beyond `rebuild` without a number or a member."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from auditor.judge.rules import Rule, by_id
from auditor.judge.verdicts import judge_site
from auditor.judge.words import PLACEHOLDERS, describe
from auditor.layouts.effects import effects
from auditor.layouts.proposals import load_all
from auditor.model import Effects, Field, Guard, Layout, Operation, Proposal, Site, Verdict
from tests.judge.samples import (
    ABOVE,
    ALL,
    CALL,
    ENTRY,
    HEAD,
    LAYOUT,
    MIDDLE,
    NEW,
    NOTHING,
    REMOVED,
    TAIL,
    after,
    proposal,
    site,
)

END = ("end-anchored",)

SENTENCES: list[tuple[str, Site, Effects, str]] = [
    ("expression", site(), HEAD, "EXPRESSION"),
    ("function", site(function="read_it"), HEAD, "read_it"),
    ("function", site(function="", file="lib/a.c"), HEAD, "lib/a.c"),
    ("struct", site(), HEAD, "pt_regs"),
    ("proposal", site(), HEAD, "sample"),
    ("fields", site("bx", "ip"), HEAD, "`bx`, `ip`"),
    ("fields", site(), HEAD, "the object"),
    ("moves", site("ip"), HEAD, "`ip` 16 -> 24 (+8)"),
    ("moves", site("bx", "ip"), MIDDLE, "`ip` 16 -> 24 (+8)"),
    ("moves", site("bx", "ip"), HEAD, "`bx` 0 -> 8 (+8), `ip` 16 -> 24 (+8)"),
    ("moves", site("ip"), REMOVED, "`ip` 16 -> 8 (-8)"),
    ("moves", site("r11"), REMOVED, "`r11` is removed"),
    ("moves", site("bx"), MIDDLE, "nothing"),
    ("moves", site(), HEAD, "nothing"),
    ("moves", site("bx", traits=END), TAIL, "`bx` -40 -> -48 (-8) from the stack top"),
    ("moves", site("bx", traits=END), ABOVE, "`bx` -40 -> -56 (-16) from the stack top"),
    ("moves", site(traits=END), HEAD, "the object -40 -> -48 (-8) from the stack top"),
    ("moves", site(traits=END), ABOVE, "the object -40 -> -56 (-16) from the stack top"),
    ("moves", site(traits=END), REMOVED, "the object -40 -> -32 (+8) from the stack top"),
    ("bytes", site(span=(16, 24)), HEAD, "bytes 16..24"),
    ("bytes", site(span=(36, 44)), HEAD, "bytes 36..44, 4 past `ss`"),
    ("bytes", site(span=(-8, 0)), HEAD, "bytes -8..0, 8 below the struct"),
    ("bytes", site(), HEAD, "bytes at a run-time offset"),
    ("holds", site(span=(4, 12)), HEAD, "`bx`, `r11`"),
    ("holds", site(span=(40, 48)), HEAD, "nothing of the struct"),
    ("holds", site(span=(-8, 0)), ENTRY, "nothing of the struct"),
    ("holds", site(), HEAD, "a member chosen at run time"),
    ("becomes", site(span=(0, 16)), HEAD, "`pks`, `bx`"),
    ("becomes", site(span=(40, 48)), TAIL, "`pks`"),
    ("becomes", site(span=(40, 48)), HEAD, "`ss`"),
    ("becomes", site(span=(-8, 8)), ENTRY, "`pks`, `bx`"),
    ("becomes", site(span=(-8, 0)), CALL, "`pks`"),
    ("becomes", site(span=(-16, -8)), ENTRY, "nothing of the struct"),
    ("becomes", site(span=(16, 24), traits=("anchor=ip",)), HEAD, "`ip`"),
    ("becomes", site(span=(8, 16), traits=("anchor=bx",)), MIDDLE, "`pks`"),
    ("becomes", site(), HEAD, "a member chosen at run time"),
    ("anchor", site(traits=("anchor=ip",)), HEAD, "ip"),
    ("anchor", site(), HEAD, "pt_regs"),
    ("size", site(), HEAD, "40 -> 48 bytes"),
    ("size", site(), ENTRY, "40 -> 40 bytes"),
    ("added", site(), HEAD, "`pks`"),
    ("added", site(), after(Operation("insert", (NEW, replace(NEW, name="more")), at="tail")), "`pks`, `more`"),
    ("added", site(), ENTRY, "no new member"),
    ("extension", site(), ENTRY, "8 bytes (`pks`)"),
    ("above", site(), ABOVE, "16 bytes"),
    ("tail", site("ss"), TAIL, "8 -> 16 bytes from `ss`"),
    ("tail", site("bx", "ss"), TAIL, "40 -> 48 bytes from `bx`, 8 -> 16 bytes from `ss`"),
    ("tail", site("r11"), REMOVED, ""),
    ("tail", site(), TAIL, ""),
]


@pytest.mark.parametrize(("placeholder", "one", "under", "text"), SENTENCES)
def test_placeholder(placeholder: str, one: Site, under: Effects, text: str) -> None:
    assert describe(f"<{{{placeholder}}}>", one, under, proposal()) == f"<{text}>"


def test_every_placeholder_is_tried() -> None:
    assert {name for name, _, _, _ in SENTENCES} == PLACEHOLDERS


def test_text_of_the_tree_is_no_template() -> None:
    odd = replace(site(), expression="{moves} {0} {", function="{struct}")
    assert describe("{expression} in {function}", odd, HEAD, proposal()) == "{moves} {0} { in {struct}"


def test_placeholders_may_repeat() -> None:
    assert describe("{size}, {size}", site(), HEAD, proposal()) == "40 -> 48 bytes, 40 -> 48 bytes"


# All rules under all proposals

WIDE = ("r15", "bp", "bx", "r11", "ip", "cs", "flags", "sp", "ss")
REGISTERS = Layout("pt_regs", "x86_64", 72, 8, tuple(Field(n, "unsigned long", 8 * i, 8) for i, n in enumerate(WIDE)))
MORE = {
    "remove": Operation("remove", member="r11"),
    "resize": Operation("resize", member="ss", size=16),
    "reorder": Operation("reorder", order=("sp", "ip")),
}
CHANGES = [(p, effects(REGISTERS, p)) for p in load_all().values()]
CHANGES += [(q, effects(REGISTERS, q)) for q in (Proposal(n, n, "", (op,)) for n, op in MORE.items())]
MEMBERS: tuple[tuple[str, ...], ...] = (("bx",), ("ip",), ("ss",), ("r15", "ss"))
SPANS = ((0, 72), (24, 32), (68, 76), (72, 80), (-8, 0), (-72, 0))
# Sites of these rules are about members; those of these kinds about bytes.
ABOUT_MEMBERS = {"field", "offsetof", "order"}
NUMBER = re.compile(r"(?<![\w`])-?\d")


def members(rule: Rule) -> tuple[tuple[str, ...], ...]:
    text = " ".join(c.why for c in rule.clauses)
    needed = rule.kind in ABOUT_MEMBERS or "{tail}" in text or "tail-distance" in str(rule.clauses)
    return MEMBERS if needed else ((), *MEMBERS)


def sites(rule: Rule) -> Iterator[Site]:
    """Sites of every shape that the rule's conditions can tell apart; no number and no member stands in their text."""
    asked = sorted({c.lstrip("!").removeprefix("trait:") for k in rule.clauses for c in k.when if "trait:" in c})
    asked += ["measured", "measures-size"] if "guard-of-another-build" in str(rule.clauses) else []
    end = [("end-anchored",)] if rule.kind in ("stack-position", "assert") else []
    anchor = [("anchor=bx",), ("anchor=ip",)] if rule.kind == "order" else [()]
    guard = Guard(("!=", ("sizeof",), ("const", REGISTERS.size))) if "guard-fires" in str(rule.clauses) else None
    for fields, span, base in itertools.product(members(rule), (None, *SPANS), [*anchor, *end]):
        for count in range(len(asked) + 1):
            for traits in itertools.combinations(asked, count):
                yield site(*fields, span=span, traits=(*base, *traits), rule=rule.id, guard=guard)


def names(under: Effects) -> set[str]:
    return {f.name for f in (*under.before.fields, *under.after.fields)} | set(under.extension_members)


@pytest.mark.parametrize("rule", by_id().values(), ids=lambda r: r.id)
def test_a_sentence_beyond_rebuild_has_a_number_or_a_member(rule: Rule) -> None:
    for (change, under), one in itertools.product(CHANGES, sites(rule)):
        found = judge_site(one, rule, change, under)
        assert "{" not in found.why and "  " not in found.why and "``" not in found.why, found.why
        if found.verdict.rank > Verdict.REBUILD.rank:
            named = any(re.search(rf"\b{re.escape(n)}\b", found.why) for n in names(under))
            assert NUMBER.search(found.why) or named, (change.id, one, found.why)


@pytest.mark.parametrize("rule", by_id().values(), ids=lambda r: r.id)
def test_a_sentence_does_not_deny_its_verdict(rule: Rule) -> None:
    """`{moves}` is used by clauses that ask whether something moves: it never says that nothing does."""
    for (change, under), one in itertools.product(CHANGES, sites(rule)):
        for clause in rule.clauses:
            if "moves" in clause.when and "{moves}" in clause.why:
                found = judge_site(one, replace(rule, clauses=(clause,)), change, under)
                if found.verdict is not Verdict.SAFE:
                    assert "nothing" not in found.why, (change.id, one, found.why)


def test_the_samples_reach_every_clause() -> None:
    """The two tests above would pass on sites that nothing happens to."""
    missed = set()
    for rule in by_id().values():
        left = set(range(len(rule.clauses)))
        for (change, under), one in itertools.product(CHANGES, sites(rule)):
            left -= {
                n
                for n in left
                if judge_site(one, replace(rule, clauses=(rule.clauses[n],)), change, under).verdict is not Verdict.SAFE
            }
        missed |= {(rule.id, rule.clauses[n].when) for n in left}
    assert missed == set()


def test_samples_are_what_they_claim() -> None:
    assert NOTHING.after.fields == LAYOUT.fields
    assert sum(e.before.fields != e.after.fields for e in ALL.values()) == 6
