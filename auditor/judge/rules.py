# SPDX-License-Identifier: GPL-2.0-only
"""The rules: rules/<kind>.toml, read and checked. rules/README.md documents the format."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from auditor.data import read_toml, rules_dir
from auditor.errors import InputError, UsageError
from auditor.judge.conditions import CONDITIONS
from auditor.judge.words import PLACEHOLDERS
from auditor.model import KINDS, Verdict

PROSE = ("title", "what", "why", "example", "fix")
_RULE_KEYS = {"id", *PROSE, "references", "verdict"}
_VERDICT_KEYS = {"verdict", "when", "why", "fix"}


_OTHER_CODE = (Verdict.REBUILD, Verdict.ABI, Verdict.BREAK)


@dataclass(frozen=True, slots=True)
class Clause:
    """One line of a verdict table: `verdict` applies when all of `when` hold. A leading `!` negates a condition."""

    verdict: Verdict
    when: tuple[str, ...]
    why: str
    fix: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A named pattern of one kind, its verdict table (no clause holds: `safe`) and its prose."""

    id: str
    title: str
    what: str
    why: str
    example: str
    fix: str
    references: tuple[str, ...]
    clauses: tuple[Clause, ...]

    @property
    def kind(self) -> str:
        return self.id.split("/", 1)[0]

    @property
    def in_code(self) -> bool:
        """Whether the machine code of such a place depends on the layout: some change of it asks for another one."""
        return any(c.verdict in _OTHER_CODE for c in self.clauses)


@dataclass(frozen=True, slots=True)
class Kind:
    id: str
    title: str
    description: str
    rules: tuple[Rule, ...]


def load(path: Path) -> Kind:
    """One kind's rules. InputError names the file, the rule and the key at fault."""
    data = read_toml(path)
    try:
        rules = tuple(_rule(path, r) for r in data["rule"])
        kind = Kind(data["kind"], data["title"], data["description"], rules)
    except KeyError as e:
        raise InputError(str(path), f"key {e.args[0]!r} is missing") from e
    if kind.id not in KINDS:
        raise InputError(str(path), f"unknown kind {kind.id!r}", "known: " + ", ".join(KINDS))
    ids = [r.id for r in rules]
    for rule_id in ids:
        if rule_id.split("/", 1)[0] != kind.id or rule_id.count("/") != 1:
            raise InputError(str(path), f"rule {rule_id!r} does not belong to kind {kind.id!r}")
        if ids.count(rule_id) > 1:
            raise InputError(str(path), f"rule {rule_id!r} stands twice")
    return kind


def _rule(path: Path, data: dict[str, Any]) -> Rule:
    rule_id = data.get("id", "without id")
    unknown = set(data) - _RULE_KEYS
    if unknown:
        raise InputError(str(path), f"rule {rule_id!r}: unknown key {sorted(unknown)[0]!r}")
    for key in PROSE:
        if not str(data.get(key, "")).strip():
            raise InputError(str(path), f"rule {rule_id!r}: {key!r} is empty")
    clauses = tuple(_clause(path, rule_id, c) for c in data.get("verdict", ()))
    prose = {key: " ".join(str(data[key]).split()) for key in PROSE}
    return Rule(id=rule_id, references=tuple(data.get("references", ())), clauses=clauses, **prose)


def _clause(path: Path, rule_id: str, data: dict[str, Any]) -> Clause:
    place = f"rule {rule_id!r}, verdict {data.get('verdict')!r}"
    unknown = set(data) - _VERDICT_KEYS
    if unknown:
        raise InputError(str(path), f"{place}: unknown key {sorted(unknown)[0]!r}")
    try:
        verdict = Verdict(data["verdict"])
    except ValueError:
        raise InputError(str(path), f"{place}: not one of {', '.join(v.value for v in Verdict)}") from None
    when = tuple(data["when"])
    for condition in when:
        name = condition.removeprefix("!")
        if name not in CONDITIONS and not name.startswith(("trait:", "provenance:")):
            raise InputError(str(path), f"{place}: unknown condition {condition!r}", "see rules/README.md")
    for _, placeholder, _, _ in string.Formatter().parse(data["why"]):
        if placeholder is not None and placeholder not in PLACEHOLDERS:
            raise InputError(str(path), f"{place}: unknown placeholder {{{placeholder}}}", "see rules/README.md")
    return Clause(verdict, when, " ".join(data["why"].split()), " ".join(data.get("fix", "").split()))


@cache
def load_all() -> Mapping[str, Kind]:
    """{kind: its rules}, in the order of `KINDS`."""
    kinds = {k.id: k for k in (load(p) for p in sorted(rules_dir().glob("*.toml")) if p.stem in KINDS)}
    return {k: kinds[k] for k in KINDS if k in kinds}


@cache
def by_id() -> Mapping[str, Rule]:
    return {r.id: r for kind in load_all().values() for r in kind.rules}


def get(rule_id: str) -> Rule:
    """UsageError lists the known ones of the same kind."""
    rules = by_id()
    if rule_id in rules:
        return rules[rule_id]
    kind = rule_id.split("/", 1)[0]
    near = [r for r in rules if r.startswith(kind + "/")] or sorted({r.split("/", 1)[0] for r in rules})
    raise UsageError(f"unknown rule {rule_id!r}; known: {', '.join(near)}")
