# SPDX-License-Identifier: GPL-2.0-only
"""The shipped rules, their documentation and the fixtures say the same."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.judge.conditions import CONDITIONS
from auditor.judge.rules import Clause, Rule, by_id, load_all
from auditor.judge.words import PLACEHOLDERS
from auditor.model import KINDS, Verdict

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "rules" / "README.md").read_text(encoding="utf-8")
FIXTURES = ROOT / "fixtures"

ASSEMBLY_KINDS = {"asm-offset", "asm-literal"}
# One version alone cannot hold it: tests/change has its hits and misses.
OF_A_CHANGE = {"assert/removed"}
PROPOSALS = {"extended", "auxiliary", "insert-head", "insert-middle", "append-tail", "fred-frame"}
# A sentence that goes beyond "rebuild" must name field, offset or distance: one of these does.
EVIDENCE = {"fields", "moves", "bytes", "size", "extension", "above", "tail"}


def clauses() -> Iterator[tuple[Rule, Clause]]:
    for rule in by_id().values():
        for clause in rule.clauses:
            yield rule, clause


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def documented(heading: str) -> set[str]:
    """Names in backticks that start a list item under a heading of rules/README.md."""
    section = re.split(r"^## ", README, flags=re.M)
    text = next(s for s in section if s.startswith(heading))
    return {name.strip("{}") for name in re.findall(r"^\* `([^`]+)`:", text, flags=re.M)}


def expectations(path: Path) -> list[tuple[int, str, dict[str, str]]]:
    """(line, rule, {proposal: verdict}) of every expectation in a fixture."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for comment in re.findall(r"/\* (expect: .*?) \*/", line):
            for part in comment.split("; "):
                words = part.split()
                assert words[0] == "expect:", f"{path}:{number}: {part}"
                pairs = [w.partition("=") for w in words[2:]]
                found.append((number, words[1], {p: v for p, _, v in pairs}))
    return found


def sources() -> list[Path]:
    return sorted(p for p in FIXTURES.rglob("*") if p.suffix in {".c", ".h", ".S"})


def test_every_kind_but_those_of_assembly_has_rules() -> None:
    assert set(load_all()) >= set(KINDS) - ASSEMBLY_KINDS
    for kind in load_all().values():
        assert kind.rules and kind.title and kind.description and "\n" not in kind.description


@pytest.mark.parametrize("rule", by_id().values(), ids=lambda r: r.id)
def test_prose(rule: Rule) -> None:
    assert rule.title[0].islower() or rule.title.startswith("BPF")
    assert not rule.title.endswith(".") and len(rule.title) < 60
    for text in (rule.what, rule.why, rule.example, rule.fix):
        assert text[0].isupper() or text[0] == "`" or "/" in text.split()[0], text  # a path may begin a sentence
        assert text.endswith("."), text
    assert "`" in rule.example, "the example shows no code"
    assert rule.references


def test_sentences_beyond_rebuild_name_field_offset_or_distance() -> None:
    for rule, clause in clauses():
        if clause.verdict.rank > Verdict.REBUILD.rank:
            assert placeholders(clause.why) & EVIDENCE, (rule.id, clause.why)
        assert "{expression}" in clause.why or "{struct}" in clause.why, (rule.id, clause.why)


def test_review_names_the_fact_that_would_decide() -> None:
    for rule, clause in clauses():
        assert (clause.verdict is Verdict.REVIEW) == ("undecided: whether" in clause.why), rule.id


def test_the_page_documents_the_whole_vocabulary_and_nothing_else() -> None:
    assert documented("Placeholders") == PLACEHOLDERS
    assert documented("Conditions") == set(CONDITIONS) | {"trait:NAME", "provenance:NAME"}


def test_traits_of_the_tables_are_documented() -> None:
    used = {c.removeprefix("!") for _, clause in clauses() for c in clause.when}
    traits = {c.removeprefix("trait:") for c in used if c.startswith("trait:")}
    assert traits <= documented("Traits")


def test_expectations_are_well_formed_and_possible() -> None:
    rules = by_id()
    for path in sources():
        for line, rule_id, verdicts in expectations(path):
            place = f"{path.relative_to(ROOT)}:{line}"
            assert rule_id in rules, place
            possible = {c.verdict.value for c in rules[rule_id].clauses}
            if possible and "BUILD_BUG_ON" in path.read_text(encoding="utf-8"):
                possible.add("build-fails")  # a guard in the same function
            assert set(verdicts) <= PROPOSALS, place
            assert set(verdicts.values()) <= possible, place


def test_every_expectation_comment_is_understood() -> None:
    for path in sources():
        text = path.read_text(encoding="utf-8")
        assert text.count("expect: ") == len(expectations(path)), path


def test_every_rule_has_a_hit() -> None:
    hit = {rule_id for path in sources() for _, rule_id, _ in expectations(path)}
    of_c = {r for r in by_id() if r.split("/")[0] not in ASSEMBLY_KINDS}
    assert of_c - hit == OF_A_CHANGE


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ASSEMBLY_KINDS])
def test_every_kind_has_misses(kind: str) -> None:
    misses = sorted((FIXTURES / "cases" / kind).glob("no-*.c"))
    assert len(misses) >= 2
    for path in misses:
        assert expectations(path) == [], path
