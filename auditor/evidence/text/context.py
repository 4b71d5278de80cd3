# SPDX-License-Identifier: GPL-2.0-only
"""One file while it is read: where the walk is, what is known, and the sites so far."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypedDict, Unpack

from tree_sitter import Node

from auditor.arch import Arch
from auditor.evidence.c.source import one_line
from auditor.evidence.text.parsing import Frame, text_of
from auditor.evidence.text.types import Scope
from auditor.evidence.text.words import ArchWords, Words
from auditor.evidence.text.world import World
from auditor.interfaces import Interfaces
from auditor.model import Guard, Site

Handler = Callable[[Frame, "Context"], None]
HANDLERS: dict[str, list[Handler]] = {}
_TRANSPARENT = frozenset({"parenthesized_expression", "ERROR"})
_SNIPPET = 640
_FAR = 100
"""Nodes around a node that are looked at: a hostile expression has as many as it likes."""
_ONCE_A_LINE = ("unwind/hint", "uapi-export/by-id", "uapi-export/abi-number")


def on(*kinds: str) -> Callable[[Handler], Handler]:
    """Registers a form for these kinds of nodes. A form sees a node before what is in it."""

    def register(handler: Handler) -> Handler:
        for kind in kinds:
            HANDLERS.setdefault(kind, []).append(handler)
        return handler

    return register


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is the same for all files of one reading."""

    arch: Arch
    own: ArchWords
    words: Words
    interfaces: Interfaces
    architectures: frozenset[str]


@dataclass(frozen=True, slots=True)
class Macro:
    """A function-like macro of this file whose body uses the parameter `index` as a member of the struct."""

    rule: str
    index: int


class Details(TypedDict, total=False):
    """Of a site, besides its rule and place. `head`: the first line is the site, not all that the node holds. `kin`:
    the sibling of the struct that it is about."""

    fields: Iterable[str]
    span: tuple[int, int] | None
    traits: Iterable[str]
    provenance: str
    kin: str
    head: bool
    guard: Guard | None


class Context:
    def __init__(self, path: str, data: bytes, around: Surroundings, scope: Scope, world: World) -> None:
        self.path, self.data, self.around, self.scope, self.world = path, data, around, scope, world
        self.function = ""
        self.macro = ""
        self.parameters: tuple[str, ...] = ()
        self.macros: dict[str, Macro] = {}
        self.shift = 0
        self.private_names: frozenset[str] = frozenset()
        """Of an assembly file: names that it defines itself."""
        self.claimed: set[tuple[int, int]] = set()
        self.escaped: set[str] = set()
        self.tainted: set[str] = set()
        """Locals that hold an offset which a helper answered for a register's name."""
        self.below: set[str] = set()
        """Functions and locals that hold an address below the object."""
        self._sites: dict[tuple[object, ...], Site] = {}
        self._objects: dict[tuple[str, str], list[tuple[object, ...]]] = {}
        self._starts: list[int] = [0]
        position = data.find(b"\n")
        while position >= 0:
            self._starts.append(position + 1)
            position = data.find(b"\n", position + 1)

    @property
    def arch(self) -> Arch:
        return self.around.arch

    def line_of(self, offset: int) -> tuple[int, int]:
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def claim(self, node: Node | None) -> None:
        """What stands in this node belongs to a site that is made already."""
        if node is not None:
            self.claimed.add((node.start_byte + self.shift, node.end_byte + self.shift))

    def is_claimed(self, node: Node) -> bool:
        return (node.start_byte + self.shift, node.end_byte + self.shift) in self.claimed

    def member(self, name: str) -> str:
        """As the kernel's own struct names it."""
        return self.around.own.twin_names.get(name, name)

    def add(self, rule: str, node: Node, **details: Unpack[Details]) -> None:
        self.add_at(rule, node.start_byte + self.shift, node.end_byte + self.shift, **details)

    def add_at(self, rule: str, lo: int, hi: int, **details: Unpack[Details]) -> None:
        head, kin = details.get("head", False), details.get("kin", "")
        line, column = self.line_of(lo)
        if self.macro:
            start = self._starts[line - 1]
            end = self.data.find(b"\n", lo)
            text = self.data[start : end if end >= 0 else len(self.data)][:_SNIPPET].rstrip(b"\\ \t")
        else:
            text = self.data[lo : min(hi, lo + _SNIPPET)]
            text = text.partition(b"{")[0] if head else text
        names = tuple(details.get("fields", ()))
        own = frozenset({f"struct-of={kin.removesuffix('_pt_regs')}"}) if kin else self.world.traits(line)
        site = Site(
            rule=rule,
            file=self.path,
            line=line,
            end_line=line if head or self.macro else max(line, self.line_of(max(lo, hi - 1))[0]),
            column=column,
            function=self.macro or self.function,
            expression=one_line(text.decode("latin-1")),
            evidence="syntactic",
            provenance=details.get("provenance", "unknown"),
            bytes=details.get("span"),
            fields=names,
            guard=details.get("guard"),
            traits=own.union(details.get("traits", ()), ("definition",) if self.macro else (), self._uapi()),
        )
        key: tuple[object, ...] = (rule, line) if rule in _ONCE_A_LINE else (rule, line, column, names)
        self._sites.setdefault(key, site)

    def made(self, name: str, rule: str, node: Node) -> None:
        """An object of the struct's type, whose address may leave its function."""
        line, column = self.line_of(node.start_byte + self.shift)
        where = self.function if self.scope.depth > 1 else ""
        self._objects.setdefault((where, name), []).append((rule, line, column, ()))

    def escape(self, name: str) -> None:
        for where in (self.function if self.scope.depth > 1 else "", ""):
            for key in self._objects.get((where, name), ()):
                if (site := self._sites.get(key)) is not None:
                    self._sites[key] = replace(site, traits=site.traits | {"escapes"})

    def sites(self) -> list[Site]:
        return list(self._sites.values())

    def _uapi(self) -> tuple[str, ...]:
        return ("uapi",) if "/uapi/" in self.path else ()


def above(frame: Frame) -> Iterator[Frame]:
    """What a node stands in, nearest first."""
    up = frame.up
    for _ in range(_FAR):
        if up is None:
            return
        yield up
        up = up.up


def outer(frame: Frame) -> Frame | None:
    """What a node is used in, parentheses aside."""
    up = frame.up
    while up is not None and up.node.type in _TRANSPARENT:
        up = up.up
    return up


def inside_call(frame: Frame, names: Iterable[str]) -> Node | None:
    """The call of one of these functions in whose arguments the node stands; within one statement."""
    for up in above(frame):
        if up.node.type.endswith(("_statement", "definition", "declaration")):
            break
        if up.node.type == "call_expression" and text_of(up.node.child_by_field_name("function")) in names:
            return up.node
    return None


def same(one: Node | None, other: Node | None) -> bool:
    return one is not None and other is not None and one.id == other.id


def statement_of(frame: Frame) -> Node:
    """The statement or declaration around a node, or the node."""
    for up in (frame, *above(frame)):
        if up.node.type.endswith(("_statement", "declaration")) and up.node.type != "compound_statement":
            return up.node
        if up.node.type in ("compound_statement", "function_definition"):
            break
    return frame.node
