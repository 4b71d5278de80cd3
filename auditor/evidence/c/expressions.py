# SPDX-License-Identifier: GPL-2.0-only
"""What each expression is worth, from what its operands are worth; assignments change the environment."""

from __future__ import annotations

from dataclasses import replace

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, decl_key
from auditor.evidence.c.measure import holder
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.evidence.c.values import Value, join

_CHOICE = 3
"""Children of c ? a : b."""
_KEEPERS = {C.INTEGER, C.VOID_POINTER, C.DATA_POINTER, C.POINTER, C.POINTER2}


class Expressions:
    def __init__(self, context: Context) -> None:
        self._ctx = context

    def value(self, node: Node) -> None:
        """Sets the node's value, and what it changes in the environment, from the values of its children."""
        kids = node.kids
        match node.kind:
            case K.PAREN_EXPR | K.UNEXPOSED_EXPR | K.CSTYLE_CAST_EXPR:
                node.value = self._through(node)
            case K.DECL_REF_EXPR:
                node.value = self._reference(node)
            case K.MEMBER_REF_EXPR:
                node.value = self._member(node)
            case K.UNARY_OPERATOR:
                node.value = self._unary(node)
            case K.ARRAY_SUBSCRIPT_EXPR if len(kids) == 2:
                node.value = self._subscript(node)
            case K.BINARY_OPERATOR if len(kids) == 2:
                node.value = self._binary(node)
            case K.COMPOUND_ASSIGN if len(kids) == 2:
                self._compound(node)
            case K.CONDITIONAL if len(kids) == 3:
                node.value = join(kids[1].value, kids[2].value, choice=True)
            case K.CALL_EXPR if node.type.cls is C.POINTER:
                node.value = self._accessor(node) or Value()
            case K.COMPOUND_STMT if kids:
                node.value = kids[-1].value
            case K.STMT_EXPR if kids:
                node.value = kids[-1].value
            case K.VAR_DECL:
                self._declare(node)
        if node.kind in (K.STMT_EXPR, K.PAREN_EXPR, K.CSTYLE_CAST_EXPR) and node.type.cls is C.POINTER:
            node.value = self._accessor(node) or node.value

    def _accessor(self, node: Node) -> Value | None:
        """The value of `task_pt_regs(t)` and its like, a function or a macro."""
        accessor = self._ctx.arch.accessors.get(self._ctx.accessor_of(node))
        if accessor is None or accessor.result != "object":
            return None
        if node.kind != K.CALL_EXPR and self._ctx.expansion(node) is None:
            return None
        return Value(origin="compat" if accessor.origin.startswith("compat") else "task", direct=True)

    def _through(self, node: Node) -> Value | None:
        """A conversion or a parenthesis keeps the value, unless it reads the contents of a place."""
        value = node.kids[-1].value if node.kids else None
        if value is None:
            return Value(origin="cast") if node.kind == K.CSTYLE_CAST_EXPR and node.type.cls is C.POINTER else None
        kid = node.kids[-1]
        if value.place and node.type.cls not in (C.OBJECT, C.ARRAY, C.CONTAINER):
            if node.type.is_pointer and kid.type.cls in (C.ARRAY, C.OTHER):
                return replace(value, place=False)
            return value if node.kind == K.PAREN_EXPR or node.type == kid.type else None
        if node.type.cls in (C.RECORD_POINTER, C.CONTAINER_POINTER):
            return None
        return value

    def _reference(self, node: Node) -> Value | None:
        cls = node.type.cls
        if cls in (C.FUNCTION, C.OTHER, C.RECORD):
            return None
        key = decl_key(node.referenced)
        known = self._ctx.env.get(key)
        if known is not None:
            return known
        if cls is C.POINTER:
            return Value(origin="entry" if key in self._ctx.parameters else "unknown")
        if cls in (C.OBJECT, C.ARRAY):
            return Value(place=True, origin="fabricated")
        return None

    def _member(self, node: Node) -> Value | None:
        base = holder(node)
        cls = node.type.cls
        if base is not None and base.type.cls in (C.OBJECT, C.POINTER):
            value = base.value or Value()
            field = self._ctx.layout.get(node.name)
            if field is None:
                bits = node.unit.api.Cursor_getOffsetOfField(node.referenced)
                offset = bits // 8 if bits >= 0 else None
            else:
                offset = field.offset
            total = None if offset is None or value.offset is None else value.offset + offset
            return replace(value, offset=total, anchor=node.name, moved=value.moved, place=True)
        if base is not None and base.value is not None and base.value.place and base.value.anchor:
            bits = node.unit.api.Cursor_getOffsetOfField(node.referenced)
            value = base.value
            total = value.offset + bits // 8 if value.offset is not None and bits >= 0 else None
            return replace(value, offset=total)
        if cls is C.POINTER:
            return Value()
        if cls in (C.OBJECT, C.ARRAY):
            return Value(place=True, origin=f"container:{node.field_owner()}")
        return None

    def _unary(self, node: Node) -> Value | None:
        value = node.kids[0].value if node.kids else None
        if value is None:
            self._count(node)
            if node.operator == "&" and node.kids[0].bare().kind == K.DECL_REF_EXPR:
                # Whoever gets the address may change the variable.
                self._ctx.numbers.pop(decl_key(node.kids[0].bare().referenced), None)
            return None
        match node.operator:
            case "&":
                return replace(value, place=False) if value.place else None
            case "*":
                return None if value.place else replace(value, place=True)
            case "++" | "--":
                kid = node.kids[0].bare()
                if kid.kind == K.DECL_REF_EXPR and not value.place:
                    step = node.type.step if node.type.is_pointer else 1
                    moved = value.shifted(step if node.operator == "++" else -step)
                    self._ctx.env[decl_key(kid.referenced)] = moved
                    return value if node.postfix else moved
        return None

    def _count(self, node: Node) -> None:
        """k++ on a local whose number is known."""
        target = node.kids[0].bare() if node.kids else node
        if node.operator in ("++", "--") and target.kind == K.DECL_REF_EXPR:
            key = decl_key(target.referenced)
            if key in self._ctx.numbers:
                self._ctx.numbers[key] += 1 if node.operator == "++" else -1

    def _subscript(self, node: Node) -> Value | None:
        base, index = node.kids
        if base.value is None:
            base, index = index, base
        value = base.value
        if value is None or (value.place and base.type.cls not in (C.ARRAY, C.OTHER)):
            return None
        number = self._ctx.constant(index)
        step = base.type.step or 1
        if base.type.cls in (C.ARRAY, C.POINTER):
            # An element of an array of objects is an object, whichever it is.
            return replace(value, place=True)
        delta = None if number is None else number * step
        return replace(value.shifted(delta) if delta != 0 else value, place=True)

    def _binary(self, node: Node) -> Value | None:
        left, right = node.kids
        operator = node.operator
        if operator == "=":
            self._assign(left, right)
            return right.value
        if operator == ",":
            return right.value
        if operator not in ("+", "-"):
            return None
        a, b = left.value, right.value
        if a is not None and b is not None and not a.place and not b.place:
            return None
        pointer, number = (left, right) if a is not None and not a.place else (right, left)
        value = pointer.value
        if value is None or value.place or (operator == "-" and pointer is right):
            return None
        step = node.type.step if node.type.is_pointer else 1
        count = self._ctx.constant(number)
        delta = None if count is None else count * step * (1 if operator == "+" else -1)
        if node.type.cls is C.POINTER:
            # Counted in whole objects: another object, at a distance that follows the size.
            return Value(origin="built") if value.origin == "cast" else value.shifted(delta, symbolic=True)
        moved = value.shifted(delta, self._ctx.measured(number)) if delta != 0 else value
        return replace(moved, literal=True) if delta is None and self._chosen_by_hand(number) else moved

    def _chosen_by_hand(self, number: Node) -> bool:
        """c ? 8 : 16"""
        choice = number.bare()
        if choice.kind != K.CONDITIONAL or len(choice.kids) != _CHOICE or self._ctx.measured(choice):
            return False
        return all(self._ctx.constant(k) is not None for k in choice.kids[1:])

    def _compound(self, node: Node) -> None:
        target, number = node.kids[0].bare(), node.kids[1]
        value = node.kids[0].value
        if target.kind != K.DECL_REF_EXPR:
            return
        key = decl_key(target.referenced)
        count = self._ctx.constant(number)
        known = self._ctx.numbers.pop(key, None)
        if known is not None and count is not None and node.operator in ("+=", "-="):
            self._ctx.numbers[key] = known + count if node.operator == "+=" else known - count
        if value is None or value.place:
            return
        if node.operator not in ("+=", "-="):
            self._ctx.env.pop(key, None)
            return
        step = target.type.step if target.type.is_pointer else 1
        delta = None if count is None else count * step * (1 if node.operator == "+=" else -1)
        self._ctx.env[key] = value.shifted(delta, self._ctx.measured(number))

    def _assign(self, left: Node, right: Node) -> None:
        target = left.bare()
        if target.kind == K.DECL_REF_EXPR:
            self._keep(decl_key(target.referenced), target, right)

    def _declare(self, node: Node) -> None:
        if node.kids and node.kids[-1].kind >= K.UNEXPOSED_EXPR:
            self._keep(decl_key(node.cursor), node, node.kids[-1])

    def _keep(self, key: int, target: Node, source: Node) -> None:
        ctx, value = self._ctx, source.value
        ctx.sources[key] = source
        if target.type.cls in _KEEPERS and value is not None and not value.place:
            ctx.env[key] = value.kept()
        else:
            ctx.env.pop(key, None)
            ctx.parameters.discard(key)
        number = ctx.constant(source) if target.type.cls is C.INTEGER and value is None else None
        ctx.measures.discard(key)
        if number is not None:
            ctx.numbers[key] = number
            if ctx.measured(source):
                ctx.measures.add(key)
        else:
            ctx.numbers.pop(key, None)
