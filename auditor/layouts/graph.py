# SPDX-License-Identifier: GPL-2.0-only
"""Debug information as a graph of types, and the layout of one struct of it.

BTF and DWARF describe the same thing: numbered types that refer to one another. A reader of either format answers three
questions (`TypeGraph`); flattening, spelling and alignment are done here once. The graph is not trusted: it may contain
cycles, and chains whose expansion is exponential. Every walk spends from one `Budget`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from auditor.errors import InputError
from auditor.layouts.spelling import Declarator, base_name
from auditor.model import Field, Layout

MAX_DEPTH = 64
"""Types inside types. The kernel stays below 20; clang gives up at 256 brackets."""
MAX_STEPS = 200_000
"""Types visited for one layout. `struct task_struct`, the largest in use, needs under 10,000."""
MAX_BYTES = 1 << 40
MAX_TEXT = 1 << 16


class Kind(enum.Enum):
    BASE = enum.auto()
    """A scalar with a name and a size: integers, floats."""
    POINTER = enum.auto()
    ARRAY = enum.auto()
    RECORD = enum.auto()
    """`tag` tells struct and union apart."""
    ENUM = enum.auto()
    TYPEDEF = enum.auto()
    QUALIFIER = enum.auto()
    """`name` is const, volatile, restrict or _Atomic."""
    FUNCTION = enum.auto()
    TAG = enum.auto()
    """An annotation that changes nothing."""
    OTHER = enum.auto()
    """Not a type: a variable, a section."""


@dataclass(frozen=True, slots=True)
class Node:
    """One type. `target` is the type it is made of (None is void); `size` is in bytes; `count` None: flexible array."""

    kind: Kind
    name: str = ""
    size: int = 0
    target: int | None = None
    tag: str = ""
    count: int | None = None
    parameters: tuple[int | None, ...] = ()
    ellipsis: bool = False
    declared_align: int = 0
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Member:
    """`bit` counts from the first bit of the record in memory order; `bit_size` is 0 unless it is a bit-field."""

    name: str
    target: int
    bit: int
    bit_size: int = 0
    declared_align: int = 0


class TypeGraph(Protocol):
    path: str

    @property
    def pointer_size(self) -> int: ...

    def node(self, key: int) -> Node: ...

    def members(self, key: int) -> tuple[Member, ...]: ...

    def damaged(self, key: int, problem: str) -> InputError:
        """An error that names the file and where in it the type stands."""
        ...


class _Walk:
    def __init__(self, graph: TypeGraph) -> None:
        self.graph = graph
        self.steps = 0
        self.aligns: dict[int, int] = {}

    def node(self, key: int, depth: int) -> Node:
        self.steps += 1
        if depth > MAX_DEPTH:
            raise self.graph.damaged(key, f"types nested more than {MAX_DEPTH} deep, or in a circle")
        if self.steps > MAX_STEPS:
            raise self.graph.damaged(key, f"more than {MAX_STEPS} types take part in one struct")
        return self.graph.node(key)

    def size(self, key: int, depth: int = 0) -> int:
        node = self.node(key, depth)
        match node.kind:
            case Kind.BASE | Kind.RECORD | Kind.ENUM:
                return node.size
            case Kind.POINTER:
                return self.graph.pointer_size
            case Kind.ARRAY:
                size = (node.count or 0) * self._target_size(key, node, depth)
                if size > MAX_BYTES:
                    raise self.graph.damaged(key, f"an array of {size} bytes")
                return size
            case Kind.TYPEDEF | Kind.QUALIFIER | Kind.TAG:
                return self._target_size(key, node, depth)
            case _:
                raise self.graph.damaged(key, "a member whose type has no size")

    def _target_size(self, key: int, node: Node, depth: int) -> int:
        if node.target is None:
            raise self.graph.damaged(key, "a member of type void")
        return self.size(node.target, depth + 1)

    def align(self, key: int, depth: int = 0) -> int:
        """Natural alignment in bytes; 1 for a packed record. Remembered, so that shared types cost once."""
        if key not in self.aligns:
            self.aligns[key] = self._align(key, depth)
        return self.aligns[key]

    def _align(self, key: int, depth: int) -> int:
        node = self.node(key, depth)
        match node.kind:
            case Kind.BASE | Kind.ENUM:
                # Same rule as libbpf's btf__align_of, plus 16-byte scalars (__int128, long double) on 64-bit targets.
                largest = 16 if self.graph.pointer_size == 8 else 4
                return max(node.declared_align, min(node.size & -node.size, largest), 1)
            case Kind.POINTER:
                return self.graph.pointer_size
            case Kind.RECORD:
                return max(node.declared_align, self._record_align(key, node, depth))
            case Kind.ARRAY | Kind.TYPEDEF | Kind.QUALIFIER | Kind.TAG if node.target is not None:
                return max(node.declared_align, self.align(node.target, depth + 1))
            case _:
                return 1

    def _record_align(self, key: int, node: Node, depth: int) -> int:
        """Debug information does not say `packed`: a member, or an end, that is out of place shows it."""
        largest = 1
        for member in self.graph.members(key):
            align = self.align(member.target, depth + 1)
            if member.bit_size:
                unit = self.size(member.target, depth + 1) * 8
                if unit and member.bit % unit + member.bit_size > unit:
                    return 1
            elif member.bit % (align * 8):
                return 1
            largest = max(largest, align, member.declared_align)
        return 1 if node.size % largest else largest

    def spell(self, key: int | None, depth: int = 0, outer: frozenset[str] = frozenset()) -> Declarator:
        qualifiers = set(outer)
        while True:
            if key is None:
                return Declarator("void").qualified(qualifiers)
            node = self.node(key, depth)
            if node.kind is Kind.QUALIFIER and node.name != "_Atomic":
                qualifiers.add(node.name)
            elif node.kind is not Kind.TAG:
                break
            key, depth = node.target, depth + 1
        if node.kind is Kind.ARRAY:
            # A const array is an array of const elements; gcc describes it as both.
            return self.spell(node.target, depth + 1, frozenset(qualifiers)).array(node.count)
        return self._spell_node(key, node, depth).qualified(qualifiers)

    def _spell_node(self, key: int, node: Node, depth: int) -> Declarator:
        match node.kind:
            case Kind.POINTER:
                return self.spell(node.target, depth + 1).pointer()
            case Kind.FUNCTION:
                return self.spell(node.target, depth + 1).function(self._parameters(key, node, depth))
            case Kind.RECORD | Kind.ENUM:
                return Declarator(f"{node.tag} {node.name or '{...}'}")
            case Kind.QUALIFIER:
                return Declarator(f"_Atomic({self.spell(node.target, depth + 1).text()})")
            case _:
                return Declarator(base_name(node.name))

    def _parameters(self, key: int, node: Node, depth: int) -> list[str]:
        texts: list[str] = []
        length = 0
        for parameter in node.parameters:
            texts.append(self.spell(parameter, depth + 1).text())
            length += len(texts[-1])
            if length > MAX_TEXT:
                raise self.graph.damaged(key, f"a function type whose text is longer than {MAX_TEXT} characters")
        return [*texts, "..."] if node.ellipsis else texts or ["void"]

    def fields(self, key: int, base: int, total: int, depth: int = 0) -> list[Field]:
        """Members in declaration order; those of unnamed structs and unions in their place. `base` is in bits."""
        found: list[Field] = []
        for member in self.graph.members(key):
            bit = base + member.bit
            if member.bit < 0 or member.bit_size < 0 or (not member.bit_size and member.bit % 8):
                raise self.graph.damaged(key, f"member {member.name!r} at bit {member.bit}, size {member.bit_size}")
            inner = self._record_behind(member, depth) if not member.name else None
            if inner is not None:
                found += self.fields(inner, bit, total, depth + 1)
                continue
            size = self.size(member.target, depth + 1)
            field = place(member.name, self.spell(member.target, depth + 1).text(), bit, member.bit_size, size, total)
            if member.name:  # an unnamed bit-field is padding
                if field.offset + field.size > total:
                    end = field.offset + field.size
                    raise self.graph.damaged(key, f"member {member.name!r} ends at {end}, past the size {total}")
                found.append(field)
        return found

    def _record_behind(self, member: Member, depth: int) -> int | None:
        key: int | None = member.target
        while key is not None:
            node = self.node(key, depth)
            if node.kind is Kind.RECORD:
                return key
            if node.kind not in (Kind.QUALIFIER, Kind.TAG):
                return None
            key, depth = node.target, depth + 1
        return None


def place(name: str, type_name: str, bit: int, bit_size: int, size: int, total: int) -> Field:
    """A field from its first bit. A bit-field lies in an aligned unit of its declared type, as pahole shows it.

    Where that unit would not hold it (packed), or would leave the struct, the bytes that hold its bits are given.
    """
    if not bit_size:
        return Field(name, type_name, bit // 8, size)
    unit = size * 8
    start = bit // unit * unit if unit else bit
    if not unit or bit + bit_size > start + unit or (start + unit) // 8 > total:
        start = bit // 8 * 8
        size = (bit + bit_size - start + 7) // 8
    return Field(name, type_name, start // 8, size, bit - start, bit_size)


def layout_of(graph: TypeGraph, key: int, struct: str, arch_id: str) -> Layout | None:
    """The layout of the record that type `key` names, through typedefs; None: no record, or only declared.

    InputError: a cycle, a member outside of the struct, a type that does not exist.
    """
    walk = _Walk(graph)
    depth = 0
    while (node := walk.node(key, depth)).kind in (Kind.TYPEDEF, Kind.QUALIFIER, Kind.TAG):
        if node.target is None:
            return None
        key, depth = node.target, depth + 1
    if node.kind is not Kind.RECORD or not node.complete:
        return None
    fields = tuple(walk.fields(key, 0, node.size))
    return Layout(struct, arch_id, node.size, walk.align(key), fields, graph.path)
