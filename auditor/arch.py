# SPDX-License-Identifier: GPL-2.0-only
"""What is known of an architecture: rules/arch/*.toml, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from auditor.data import read_toml, rules_dir
from auditor.errors import InputError, UsageError


@dataclass(frozen=True, slots=True)
class Accessor:
    """A macro or function that yields the object (`result` = "object") or one register of it.

    `origin`: "stack-end" or "compat-stack-end", the place the object is found from.
    """

    result: str
    origin: str


@dataclass(frozen=True, slots=True)
class Arch:
    id: str
    title: str
    directory: str
    config: str
    target: str
    struct: str
    words: tuple[str, ...]
    instruction_pointer: str
    stack_pointer: str
    twin_header: str
    twin_variants: tuple[tuple[str, ...], ...]
    accessors: Mapping[str, Accessor]
    by_number: Mapping[str, str]
    """{function name: rule of a call to it}"""
    containers: Mapping[str, str]
    """{type name: macro whose plain number betrays that assembly fills the type by hand}"""
    frozen: frozenset[str]
    stack_fields: frozenset[str]
    """"struct.member" from which hardware loads a stack pointer."""
    stack_calls: frozenset[str]
    stack_tops: frozenset[str]
    stack_padding: str
    stack_padded: frozenset[str]
    """Tops of `stack_tops` that already leave the padding out."""
    task_stack: frozenset[str]
    """Names that say that a computation is about the task's stack, the one that has the padding."""
    uses_only: frozenset[str]
    """Accessors and helpers too common in other meanings to select a unit by."""

    @property
    def objects(self) -> tuple[str, ...]:
        """Accessors that yield the object itself."""
        return tuple(n for n, a in self.accessors.items() if a.result == "object")

    @property
    def stack_members(self) -> frozenset[str]:
        return frozenset(f.partition(".")[2] for f in self.stack_fields)

    @property
    def leading(self) -> frozenset[str]:
        """Names that lead to the object without naming the struct: a unit that writes one may hold a consumer."""
        return (
            frozenset(self.accessors) | frozenset(self.by_number) | self.frozen | self.stack_calls | self.stack_tops
        ) - self.uses_only


def load(path: Path) -> Arch:
    """One architecture. InputError names the file and the missing or mistyped key."""
    data = read_toml(path)
    try:
        return _build(data)
    except KeyError as e:
        raise InputError(str(path), f"key {e.args[0]!r} is missing") from e
    except (TypeError, AttributeError) as e:
        raise InputError(str(path), f"a value has the wrong type: {e}") from e


def _build(data: dict[str, Any]) -> Arch:
    arch, stack, twin = data["arch"], data.get("hardware_stack", {}), data.get("user_twin", {})
    return Arch(
        id=arch["id"],
        title=arch["title"],
        directory=arch["directory"],
        config=arch["config"],
        target=arch["target"],
        struct=arch["struct"],
        words=tuple(arch["words"]),
        instruction_pointer=arch["instruction_pointer"],
        stack_pointer=arch["stack_pointer"],
        twin_header=twin.get("header", ""),
        twin_variants=tuple(tuple(v) for v in twin.get("variants", ())),
        accessors={n: Accessor(a["result"], a["origin"]) for a in data.get("accessor", ()) for n in a["names"]},
        by_number={n: b["rule"] for b in data.get("by_number", ()) for n in b["names"]},
        containers={c["type"]: c["literal"] for c in data.get("container", ())},
        frozen=frozenset(data.get("frozen", {}).get("types", ())),
        stack_fields=frozenset(stack.get("fields", ())),
        stack_calls=frozenset(stack.get("calls", ())),
        stack_tops=frozenset(stack.get("tops", ())),
        stack_padding=stack.get("padding", ""),
        stack_padded=frozenset(stack.get("padded", ())),
        task_stack=frozenset(stack.get("task_stack", ())),
        uses_only=frozenset(arch.get("uses_only", ())),
    )


@cache
def known() -> Mapping[str, Arch]:
    """{architecture id: architecture}, sorted by id."""
    archs = [load(p) for p in sorted((rules_dir() / "arch").glob("*.toml"))]
    return {a.id: a for a in archs}


@cache
def for_struct(arch_id: str, struct: str) -> Arch:
    """The architecture as an audit of `struct` may use it: what is known of the register frame and of its accessors
    says nothing of another struct."""
    arch = by_id(arch_id)
    if struct == arch.struct:
        return arch
    none: frozenset[str] = frozenset()
    return replace(
        arch,
        words=(struct,),
        accessors={},
        by_number={},
        containers={},
        frozen=none,
        stack_fields=none,
        stack_calls=none,
        stack_tops=none,
        stack_padded=none,
        task_stack=none,
    )


def by_id(arch_id: str) -> Arch:
    """UsageError lists the known ones."""
    try:
        return known()[arch_id]
    except KeyError:
        raise UsageError(f"unknown architecture {arch_id!r}; known: {', '.join(known())}") from None
