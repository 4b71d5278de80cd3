# SPDX-License-Identifier: GPL-2.0-only
"""What a declaration says of a name, and what an expression is, as far as one file and the declarations of the tree
tell. `None`: not known, which is most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tree_sitter import Node

from auditor.evidence.text.parsing import bare, text_of

TARGET = "\0target"
_RECORDS = frozenset({"struct_specifier", "union_specifier", "enum_specifier"})
_DECLARATORS = frozenset({
    "pointer_declarator", "array_declarator", "function_declarator", "parenthesized_declarator", "init_declarator",
    "attributed_declarator", "abstract_pointer_declarator", "abstract_array_declarator", "abstract_function_declarator",
    "abstract_parenthesized_declarator",
})  # fmt: skip
_NAMES = frozenset({"identifier", "field_identifier", "type_identifier"})
_DEEPEST = 40
_WIDTHS = {
    "char": 1, "u8": 1, "s8": 1, "__u8": 1, "uint8_t": 1, "short": 2, "u16": 2, "s16": 2, "__u16": 2, "uint16_t": 2,
    "int": 4, "unsigned": 4, "u32": 4, "s32": 4, "__u32": 4, "uint32_t": 4, "long": 8, "u64": 8, "s64": 8, "__u64": 8,
    "__s64": 8, "uint64_t": 8, "ulong": 8, "uintptr_t": 8, "elf_greg_t": 8, "void": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Type:
    """`tag`: TARGET, or the name of another type; `width`: bytes of an integer. `kin`: the kin's name, of TARGET.
    `guessed`: by the name of a member alone."""

    tag: str
    pointers: int = 0
    array: bool = False
    width: int = 0
    kin: str = ""
    guessed: bool = False

    @property
    def is_object(self) -> bool:
        return self.tag == TARGET and self.pointers == 0

    @property
    def points(self) -> bool:
        """To one object of the struct."""
        return self.tag == TARGET and self.pointers == 1 and not self.array

    def through(self) -> Type:
        return replace(self, array=False) if self.array else replace(self, pointers=max(0, self.pointers - 1))


@dataclass(frozen=True, slots=True)
class Declarator:
    """`function`: "" for a variable, "function", or "pointer" to functions."""

    name: Node | None
    pointers: int = 0
    array: bool = False
    function: str = ""
    parameters: Node | None = None
    value: Node | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """Type names that mean the struct, an image of user ABI, or the struct's kin."""

    target: frozenset[str]
    kin: frozenset[str]
    images: frozenset[str]


@dataclass(frozen=True, slots=True)
class Known:
    """What the tree declares: {(holder, member of the struct's type): pointers}, functions that yield a pointer to it,
    and files that include relocated types."""

    members: Mapping[tuple[str, str], int] = field(default_factory=dict)
    yields: frozenset[str] = frozenset()
    relocated: frozenset[str] = frozenset()


def base_type(node: Node | None, names: Names) -> Type | None:
    """Of a `type` field, without declarator."""
    if node is None:
        return None
    if node.type in _RECORDS:
        node = node.child_by_field_name("name")
    elif node.type in ("primitive_type", "sized_type_specifier"):
        words = text_of(node).split()
        width = next((_WIDTHS[w] for w in ("char", "short", "long", *words) if w in words and w in _WIDTHS), 0)
        return Type(text_of(node), width=width)
    if node is None or node.type not in ("type_identifier", "identifier"):
        return None
    name = text_of(node)
    if name in names.target:
        return Type(TARGET)
    if name in names.kin:
        return Type(TARGET, kin=name)
    return Type(name, width=_WIDTHS.get(name, 0))


def declarator(node: Node | None) -> Declarator:
    """Unwrapped from the outside in."""
    made = Declarator(None)
    for _ in range(_DEEPEST):
        if node is None:
            return made
        if node.type in _NAMES:
            return replace(made, name=node)
        if node.type not in _DECLARATORS:
            return made
        kind = node.type.removeprefix("abstract_")
        if kind == "pointer_declarator":
            if made.function == "function":
                made = replace(made, function="pointer")
            else:
                made = replace(made, pointers=made.pointers + 1)
        elif kind == "array_declarator":
            made = replace(made, array=True)
        elif kind == "function_declarator":
            made = replace(made, function="function", parameters=node.child_by_field_name("parameters"))
        elif kind == "init_declarator":
            made = replace(made, value=node.child_by_field_name("value"))
        inner = node.child_by_field_name("declarator")
        if inner is None:
            inner = next((c for c in node.named_children if c.type in _DECLARATORS or c.type in _NAMES), None)
        node = inner
    return made


def described(node: Node | None, names: Names) -> Type | None:
    """Of a type_descriptor: (struct pt_regs *)."""
    if node is None or node.type != "type_descriptor":
        return base_type(node, names)
    made = base_type(node.child_by_field_name("type"), names)
    shape = declarator(node.child_by_field_name("declarator"))
    if made is None or shape.function:
        return None
    return replace(made, pointers=shape.pointers, array=shape.array)


class Scope:
    """Names and their types: of the file, of a function, of a macro."""

    def __init__(self, names: Names, known: Known) -> None:
        self.names, self.known = names, known
        self._levels: list[dict[str, Type | None]] = [{}]
        self._origins: list[dict[str, str]] = [{}]
        self.members: dict[tuple[str, str], Type] = {}
        self.held: set[str] = set()
        """Types with members, and their names."""
        self.yields: set[str] = set()
        self.stray: Mapping[str, str] = {}
        """Names that are declared as pointers somewhere in the file, for places whose function is not known; the kin's
        name where they point to that."""
        self.lost = False

    def enter(self) -> None:
        self._levels.append({})
        self._origins.append({})

    def leave(self) -> None:
        self._levels.pop()
        self._origins.pop()

    @property
    def depth(self) -> int:
        return len(self._levels)

    def declare(self, name: str, kind: Type | None, origin: str = "") -> None:
        self._levels[-1][name] = kind
        if origin:
            self._origins[-1][name] = origin

    def came_from(self, name: str, origin: str) -> None:
        self._origins[-1][name] = origin

    def origin(self, name: str) -> str:
        return next((o[name] for o in reversed(self._origins) if name in o), "")

    def is_local(self, name: str) -> bool:
        return any(name in level for level in self._levels[1:])

    def of_file(self, name: str) -> Type | None:
        return self._levels[0].get(name)

    def hold(self, holder: str, name: str, kind: Type) -> None:
        """A member of a type."""
        self.members[holder, name] = kind
        self.held.update((holder, name))

    def of_name(self, name: str) -> Type | None:
        for level in reversed(self._levels):
            if name in level:
                return level[name]
        return None

    def of_holder(self, node: Node | None) -> Type | None:
        """Of what stands before `->`: that a member follows says that it is no array of the same name."""
        inner = bare(node)
        known = self.of(inner)
        if known is None and inner is not None and inner.type == "identifier":
            name = text_of(inner)
            declared = any(name in level for level in self._levels)
            if name in self.stray and not declared and (self.lost or self.depth == 1):
                return Type(TARGET, 1, kin=self.stray[name])
        if known is None and inner is not None and inner.type == "field_expression" and self.lost:
            # A macro behind a member whose name points to the object wherever the tree declares it.
            base = bare(inner.child_by_field_name("argument"))
            name = text_of(inner.child_by_field_name("field"))
            pointers = {p for (_, member), p in self.known.members.items() if member == name}
            if base is not None and base.type == "identifier" and self.of(base) is None and 1 in pointers:
                return Type(TARGET, 1, guessed=True)
        return known

    def member(self, holder: Type | None, name: str) -> Type | None:
        if holder is None:
            return None
        found = self.members.get((holder.tag, name))
        if found is None and (holder.tag, name) in self.known.members:
            found = Type(TARGET, self.known.members[holder.tag, name])
        return found

    def of(self, node: Node | None, depth: int = 0) -> Type | None:
        """The type of an expression."""
        node = bare(node)
        if node is None or depth > _DEEPEST:
            return None
        kind = node.type
        if kind == "identifier":
            return self.of_name(text_of(node))
        if kind == "cast_expression":
            return described(node.child_by_field_name("type"), self.names)
        if kind == "field_expression":
            holder = self.of(node.child_by_field_name("argument"), depth + 1)
            return self.member(holder, text_of(node.child_by_field_name("field")))
        if kind == "call_expression":
            return self._called(node)
        if kind == "pointer_expression":
            inner = self.of(node.child_by_field_name("argument"), depth + 1)
            if inner is None:
                return None
            taken = text_of(node.child_by_field_name("operator")) == "&"
            return replace(inner, pointers=inner.pointers + 1, array=False) if taken else inner.through()
        if kind == "subscript_expression":
            inner = self.of(node.child_by_field_name("argument"), depth + 1)
            return inner.through() if inner is not None else None
        if kind == "binary_expression":
            if text_of(node.child_by_field_name("operator")) not in ("+", "-"):
                return None
            left = self.of(node.child_by_field_name("left"), depth + 1)
            right = self.of(node.child_by_field_name("right"), depth + 1)
            return next((t for t in (left, right) if t is not None and (t.pointers or t.array)), None)
        if kind == "conditional_expression":
            yes = self.of(node.child_by_field_name("consequence"), depth + 1)
            return yes or self.of(node.child_by_field_name("alternative"), depth + 1)
        if kind == "assignment_expression":
            return self.of(node.child_by_field_name("left"), depth + 1)
        return None

    def _called(self, node: Node) -> Type | None:
        function = node.child_by_field_name("function")
        if function is None or function.type != "identifier":
            return None
        name = text_of(function)
        return Type(TARGET, 1) if name in self.yields or name in self.known.yields else None
