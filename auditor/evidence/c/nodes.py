# SPDX-License-Identifier: GPL-2.0-only
"""One function's (or declaration's) syntax tree as Python objects, with everything dear to ask for worked out late."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.evidence.c.api import BINARY, UNARY, Api, Cursor, K
from auditor.evidence.c.types import TypeInfo, Types
from auditor.evidence.c.values import Value

# Nodes that stand for their only child: parentheses and implicit conversions.
_TRANSPARENT = {K.PAREN_EXPR, K.UNEXPOSED_EXPR}

_CALLED_THROUGH = {K.CSTYLE_CAST_EXPR, K.UNARY_OPERATOR}


class Node:
    """`place` is (file handle, line, column, offset) of the first token, or of the member's name."""

    __slots__ = (
        "_const",
        "_name",
        "_op",
        "_place",
        "_referenced",
        "_type",
        "changes",
        "cursor",
        "kids",
        "kind",
        "parent",
        "unit",
        "value",
    )

    def __init__(self, unit: TreeContext, cursor: Cursor, parent: Node | None) -> None:
        self.unit = unit
        self.cursor = cursor
        self.kind: int = cursor.kind
        self.parent = parent
        self.kids: list[Node] = []
        self.value: Value | None = None
        self.changes: dict[int, bool] | None = None
        """Kept by the dataflow: variables that the subtree changes."""
        self._type: TypeInfo | None = None
        self._name: str | None = None
        self._place: tuple[int, int, int, int] | None = None
        self._op: str | None = None
        self._referenced: Cursor | None = None
        self._const: int | bool | None = False

    @property
    def type(self) -> TypeInfo:
        if self._type is None:
            self._type = self.unit.types.of(self.cursor)
        return self._type

    @property
    def name(self) -> str:
        if self._name is None:
            api = self.unit.api
            self._name = api.text(api.getCursorSpelling(self.cursor))
        return self._name

    @property
    def place(self) -> tuple[int, int, int, int]:
        if self._place is None:
            api = self.unit.api
            self._place = api.place(api.getCursorLocation(self.cursor))
        return self._place

    def span(self) -> tuple[int, int]:
        """Byte offsets of the first and just past the last token as written in the file; a node from a macro's body
        collapses to where the expansion starts."""
        api = self.unit.api
        extent = api.getCursorExtent(self.cursor)
        lo = api.place(api.getRangeStart(extent))
        hi = api.place(api.getRangeEnd(extent))
        return lo[3], hi[3]

    @property
    def operator(self) -> str:
        if self._op is None:
            api = self.unit.api
            if self.kind == K.UNARY_OPERATOR:
                self._op = UNARY.get(api.getCursorUnaryOperatorKind(self.cursor), "")
            elif self.kind in (K.BINARY_OPERATOR, K.COMPOUND_ASSIGN):
                self._op = BINARY.get(api.getCursorBinaryOperatorKind(self.cursor), "")
            else:
                self._op = ""
        return self._op

    @property
    def postfix(self) -> bool:
        """x++ or x--: the value is the one before."""
        # CXUnaryOperator_PostInc, CXUnaryOperator_PostDec
        return self.kind == K.UNARY_OPERATOR and self.unit.api.getCursorUnaryOperatorKind(self.cursor) in (1, 2)

    @property
    def referenced(self) -> Cursor:
        if self._referenced is None:
            self._referenced = self.unit.api.getCursorReferenced(self.cursor)
        return self._referenced

    def constant(self) -> int | None:
        """Value of an integer constant expression."""
        if self._const is False:
            self._const = None if self.type.is_pointer else self.unit.api.evaluate(self.cursor)
        return self._const

    def bare(self) -> Node:
        """Below parentheses and implicit conversions."""
        node = self
        while node.kind in _TRANSPARENT and len(node.kids) == 1:
            node = node.kids[0]
        return node

    def wrapped(self) -> Node:
        """This node with its parentheses and implicit conversions around it."""
        node = self
        while node.parent is not None and node.parent.kind in _TRANSPARENT and len(node.parent.kids) == 1:
            node = node.parent
        return node

    def use(self) -> Node | None:
        """The first real parent: what the value is used by."""
        return self.wrapped().parent

    def is_called(self) -> bool:
        """Whether it names what a call calls, by another type or through a pointer, too."""
        node, use = self.wrapped(), self.use()
        while use is not None and use.kind in _CALLED_THROUGH:
            node, use = use.wrapped(), use.use()
        return use is not None and use.kind == K.CALL_EXPR and use.kids[0] is node

    def ancestors(self) -> Iterator[Node]:
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def walk(self) -> Iterator[Node]:
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack += reversed(node.kids)

    def field_owner(self) -> str:
        """Tag of the struct that the referenced member belongs to, for MEMBER_REF and MEMBER_REF_EXPR.

        Members of an anonymous struct or union belong to the named one around it.
        """
        api, parent = self.unit.api, self.unit.api.getCursorSemanticParent(self.referenced)
        while parent.kind in (K.STRUCT_DECL, K.UNION_DECL):
            name = api.text(api.getCursorSpelling(parent))
            if name and "(" not in name:
                return str(name)
            parent = api.getCursorSemanticParent(parent)
        return ""


class TreeContext:
    """What the nodes of one unit share."""

    def __init__(self, api: Api, types: Types) -> None:
        self.api = api
        self.types = types


def build(context: TreeContext, cursor: Cursor) -> Node:
    """The tree below `cursor`."""
    root = Node(context, cursor, None)
    stack: list[tuple[int, Node]] = [(_key(cursor), root)]
    for child, parent in context.api.descendants(cursor, _LEAVES):
        if child.kind in _ATTRIBUTES:
            # An attribute shares its declaration's identity and says nothing of the layout.
            continue
        key = _key(parent)
        while len(stack) > 1 and stack[-1][0] != key:
            stack.pop()
        above = stack[-1][1]
        node = Node(context, child, above)
        above.kids.append(node)
        if child.kind not in _LEAVES:
            stack.append((_key(child), node))
    return root


def release(root: Node) -> None:
    """Takes a tree apart. Parents and children point at each other, and the workers run without the cycle collector."""
    stack = [root]
    while stack:
        node = stack.pop()
        stack += node.kids
        node.parent = None
        node.kids = []


_ATTRIBUTES = range(400, 500)
_LEAVES = {K.TYPE_REF, K.MEMBER_REF, K.INTEGER_LITERAL}


def _key(cursor: Cursor) -> int:
    """Identity of a cursor among its ancestors: the statement, or the declaration."""
    return (cursor.d1 or 0) if 100 <= cursor.kind < 400 else (cursor.d0 or 0)
