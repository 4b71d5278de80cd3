# SPDX-License-Identifier: GPL-2.0-only
"""What the kinds see of a unit: the tree, values, constants, where macros are written; and where they leave drafts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from auditor.arch import Arch
from auditor.evidence.c.api import Api, Cursor, K
from auditor.evidence.c.calls import Function
from auditor.evidence.c.macros import Expansions
from auditor.evidence.c.measure import is_sizeof, target_member
from auditor.evidence.c.nodes import Node, TreeContext, build, release
from auditor.evidence.c.source import Source, Sources
from auditor.evidence.c.types import C, Types
from auditor.evidence.c.values import Value
from auditor.interfaces import Interfaces
from auditor.model import Guard, Layout, Related


@dataclass(slots=True)
class Draft:
    """A site in the making. `needle`: the tokens to look for in a macro's definition, should the node come from one.

    `at`: a node that gives the place instead of `node` itself.
    """

    rule: str
    node: Node
    fields: tuple[str, ...] = ()
    bytes: tuple[int, int] | None = None
    provenance: str = "unknown"
    traits: frozenset[str] = frozenset()
    guard: Guard | None = None
    needle: tuple[str, ...] = ()
    at: Node | None = None
    related: tuple[Related, ...] = ()
    body: bool = False
    """The site is the whole body of the macro."""
    caller: bool = False
    """The site belongs to the place of the expansion even though the node comes from a macro's body."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """A node that a macro's body wrote: the macro's name as written in the file, and where."""

    name: str
    file: int
    offset: int


@dataclass(frozen=True, slots=True)
class Said:
    """What declarations say of others, the same in every unit that reads them.

    `handed_on`: containers whose object is handed on as a plain pointer. `tables`: variables whose initialiser holds
    offsets of the target, by file and offset. `table_members`: (record, member) that such initialisers set to an
    offset. `behind`: (record, member) of members that lie behind the target in a record that holds it. `addressed`:
    functions whose address is taken.
    """

    handed_on: frozenset[str] = frozenset()
    tables: frozenset[tuple[str, int]] = frozenset()
    table_members: frozenset[tuple[str, str]] = frozenset()
    behind: frozenset[tuple[str, str]] = frozenset()
    addressed: frozenset[str] = frozenset()

    def and_also(self, other: Said) -> Said:
        if other == NOTHING:
            return self
        return Said(
            self.handed_on | other.handed_on,
            self.tables | other.tables,
            self.table_members | other.table_members,
            self.behind | other.behind,
            self.addressed | other.addressed,
        )


NOTHING = Said()


@dataclass
class Unit(TreeContext):
    """One parsed unit and the knowledge that is shared by all its functions."""

    api: Api
    types: Types
    layout: Layout
    arch: Arch
    interfaces: Interfaces
    sources: Sources
    expansions: Expansions
    path_of: Callable[[int], str]
    asm_filled: frozenset[str]
    """Containers that assembly fills with hand-written offsets in this tree."""
    known: Said = NOTHING
    """What all declarations said so far, headers' too."""
    said: Said = NOTHING
    """What the declaration that is being walked says."""
    escaped: set[int] = field(default_factory=set)
    """File-scope objects whose address is handed to a function."""
    measures: dict[int, bool] = field(default_factory=dict)
    """Enumerators and constants: whether they are made of offsetof or sizeof the target."""
    functions: dict[str, Function] = field(default_factory=dict)
    """Those with a body that were looked at."""

    def say(self, more: Said) -> None:
        self.said = self.said.and_also(more)
        self.known = self.known.and_also(more)

    def place_of(self, cursor: Cursor) -> tuple[str, int]:
        """(file, offset) of a declaration, the same in every unit."""
        handle, _, _, offset = self.api.place(self.api.getCursorLocation(cursor))
        return self.path_of(handle), offset

    def source(self, handle: int) -> Source:
        return self.sources.get(self.path_of(handle))


class Context:
    """One function or declaration being walked."""

    def __init__(self, unit: Unit, root: Node, function: str) -> None:
        self.unit = unit
        self.root = root
        self.function = function
        self.layout = unit.layout
        self.arch = unit.arch
        self.interfaces = unit.interfaces
        self.drafts: dict[int, list[Draft]] = {}
        self._kinds: set[str] = set()
        self.env: dict[int, Value] = {}
        self.sources: dict[int, Node] = {}
        """What each local was last set to."""
        self.numbers: dict[int, int] = {}
        """Local integers with a known value."""
        self.measures: set[int] = set()
        """Local integers whose value is made of offsetof or sizeof the target."""
        self.parameters: set[int] = set()
        self.addresses: dict[int, Node] = {}
        """Local integers that were set to the object's address, and the cast that did it."""

    def add(self, rule: str, node: Node, **facts: object) -> None:
        self._kinds.add(rule.split("/")[0])
        self.drafts.setdefault(id(node), []).append(Draft(rule, node, **facts))  # type: ignore[arg-type]

    def has(self, kind: str) -> bool:
        """Whether anything of this kind was found so far: spares the larger patterns a search."""
        return kind in self._kinds

    def has_below(self, node: Node, kind: str) -> bool:
        """Whether a draft of this kind, written at the node's own place and not in a macro, lies in the subtree."""
        return any(
            d.rule.startswith(kind) and self.expansion(d.at or d.node) is None
            for inner in node.walk()
            for d in self.drafts.get(id(inner), ())
        )

    def drop(self, node: Node, kinds: Iterable[str] = ()) -> None:
        """Takes back the drafts of a subtree: a larger expression says it better. With `kinds`, only those kinds or
        rules."""
        wanted = set(kinds)
        for inner in node.walk():
            drafts = self.drafts.get(id(inner))
            if drafts:
                self.drafts[id(inner)] = [d for d in drafts if wanted and not {d.rule, d.rule.split("/")[0]} & wanted]

    def expansion(self, node: Node) -> Expansion | None:
        """The macro expansion whose body wrote the node, or None if the node's own text stands in the file."""
        handle, _, _, offset = node.place
        if not handle:
            return None
        source = self.unit.source(handle)
        name = source.identifier(offset)
        if not name:
            return None
        if (
            node.kind in (K.MEMBER_REF_EXPR, K.DECL_REF_EXPR, K.MEMBER_REF, K.FIELD_DECL, K.PARM_DECL)
            and name == node.name
        ):
            return None
        macro = self.unit.expansions.get(name)
        if macro is None:
            return None
        if node.kind not in (K.MEMBER_REF_EXPR, K.DECL_REF_EXPR, K.MEMBER_REF):
            end = source.call_end(offset) if macro.parameters is not None else offset + len(name)
            if node.span()[1] > end:
                return None
        return Expansion(name, handle, offset)

    def written_in(self, node: Node, names: frozenset[str]) -> Node | None:
        """The nearest enclosing node that is a call of one of `names`, or the expansion of such a macro."""
        handle, _, _, own = node.place
        source = self.unit.source(handle)
        found: Node | None = None
        for up in [node, *node.ancestors()]:
            if up.kind == K.FUNCTION_DECL:
                break
            if up.kind == K.CALL_EXPR and up.name in names:
                return up
            where, _, _, offset = up.place
            if where == handle and source.identifier(offset) in names and own < source.call_end(offset):
                # The whole expansion, not the innermost piece of it.
                found = up
            elif found is not None:
                break
        return found

    def written_name(self, node: Node) -> str:
        handle, _, _, offset = node.place
        return self.unit.source(handle).identifier(offset) if handle else ""

    def accessor_of(self, node: Node) -> str:
        """The accessor that a node is the result of, by the name that is written there, or that the macro written
        there uses; the empty string for a piece of the result, and for anything else."""
        name = self.written_name(node)
        if name in self.arch.accessors:
            return "" if self.within_same(node) else name
        if node.kind != K.STMT_EXPR or node.type.cls is not C.POINTER or self.expansion(node) is None:
            return ""
        offset = node.place[3]
        if any(up.kind == K.STMT_EXPR and up.place[3] == offset and up.type == node.type for up in node.ancestors()):
            return ""
        find = self.unit.expansions.find
        return next((a for a in self.arch.objects if find(name, (a,), 0, False) is not None), "")

    def within_same(self, node: Node) -> bool:
        """An enclosing expression of the same type comes from the same expansion: only the outermost speaks for it."""
        offset = node.place[3]
        for up in node.ancestors():
            if up.kind < K.UNEXPOSED_EXPR or up.kind >= K.UNEXPOSED_STMT:
                if up.place[3] != offset:
                    return False
            elif up.kind not in _OWN_TOKEN and up.place[3] == offset and up.type == node.type:
                return self.expansion(up) is not None
        return False

    def measured(self, node: Node) -> bool:
        """A number made of offsetof or sizeof the target: it follows the struct."""
        return any(
            target_member(n, self) or is_sizeof(n, self) or (n.kind == K.DECL_REF_EXPR and self._names_measure(n))
            for n in node.walk()
        )

    def _names_measure(self, node: Node) -> bool:
        """A local, an enumerator or a constant whose value is made of offsetof or sizeof the target."""
        key = decl_key(node.referenced)
        if node.referenced.kind not in (K.ENUM_CONSTANT_DECL, K.VAR_DECL) or is_local(node):
            return key in self.measures
        known = self.unit.measures.get(key)
        if known is None:
            self.unit.measures[key] = False
            root = build(self.unit, node.referenced)
            known = self.unit.measures[key] = any(target_member(n, self) or is_sizeof(n, self) for n in root.walk())
            release(root)
        return known

    def constant(self, node: Node) -> int | None:
        """Value of an integer expression: constant, or made of locals that hold one."""
        bare = node.bare()
        if bare.kind == K.DECL_REF_EXPR:
            known = self.numbers.get(decl_key(bare.referenced))
            if known is not None:
                return known
        if bare.kind == K.BINARY_OPERATOR and bare.operator in "+-*" and len(bare.kids) == 2:
            a, b = self.constant(bare.kids[0]), self.constant(bare.kids[1])
            if a is not None and b is not None:
                return a + b if bare.operator == "+" else a - b if bare.operator == "-" else a * b
        return node.constant() if node.type.cls is C.INTEGER else None

    def text(self, node: Node) -> str:
        lo, hi = node.span()
        source = self.unit.source(node.place[0])
        if source.identifier(hi) and not source.identifier(hi - 1):
            # The last token comes from a macro: the range ends where its expansion starts.
            hi = source.call_end(hi)
        return source.snippet(lo, max(hi, source.call_end(lo)))


_OWN_TOKEN = {K.UNEXPOSED_EXPR, K.MEMBER_REF_EXPR, K.DECL_REF_EXPR}
"""Expressions whose place is not that of their first token, or is that of what they convert."""


def decl_key(cursor: Cursor) -> int:
    return cursor.d0 or 0


def provenance(value: Value | None) -> str:
    """The report's word for where an object came from."""
    if value is None:
        return "unknown"
    if value.origin in ("task", "compat"):
        return "task"
    if value.origin.startswith("container:"):
        return "fabricated"
    return value.origin if value.origin in ("entry", "fabricated", "copy") else "unknown"


def is_local(node: Node) -> bool:
    """A reference to a variable of the function: its declaration's parent is no translation unit."""
    bare = node.bare()
    if bare.kind != K.DECL_REF_EXPR:
        return False
    parent = bare.unit.api.getCursorSemanticParent(bare.referenced)
    return bare.referenced.kind in (K.VAR_DECL, K.PARM_DECL) and parent.kind == K.FUNCTION_DECL
