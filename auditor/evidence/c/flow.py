# SPDX-License-Identifier: GPL-2.0-only
"""Local dataflow: walks one function in the order of its text and gives every expression its `Value`.

A pointer kept in an `unsigned long`, `void *` or `u8 *` is followed with its constant byte offset. Branches are walked
with their own copy of the environment and joined; a pointer that a loop changes has no constant offset inside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, decl_key
from auditor.evidence.c.expressions import Expressions
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.values import Value, join

Handler = Callable[[Node, Context], None]

_TWO = {K.BINARY_OPERATOR, K.COMPOUND_ASSIGN, K.ARRAY_SUBSCRIPT_EXPR}
_LOOPS = {K.WHILE_STMT, K.DO_STMT, K.FOR_STMT}
_ENDS = {K.RETURN_STMT, K.GOTO_STMT, K.BREAK_STMT, K.CONTINUE_STMT, K.INDIRECT_GOTO_STMT}
_LABELS = {K.CASE_STMT, K.DEFAULT_STMT, K.LABEL_STMT}


@dataclass(slots=True)
class _State:
    """What is known at one point of the function."""

    env: dict[int, Value]
    numbers: dict[int, int]
    measures: set[int]


class Flow:
    """`run` visits a tree, children first, setting `node.value`, and calls the handlers of each node's kind.

    A loop is walked twice: once to learn what it changes, in silence, and once with what all its turns have in common.
    """

    def __init__(self, context: Context, handlers: Mapping[int, Iterable[Handler]]) -> None:
        self._ctx = context
        self._handlers = handlers
        self._expressions = Expressions(context)
        self._learning = False
        self._dead = False
        """The end of the statement just walked is not reached."""
        self._exits: list[list[_State]] = []
        """Of each loop and switch around: the states of its break and continue statements."""
        self._jumps: list[_State] = []
        """States of the goto statements so far: each may lead to any label below."""
        self._entries: list[_State] = []
        """Of each switch around: the state in which its cases are entered."""

    def run(self, node: Node) -> None:
        kind = node.kind
        if kind == K.IF_STMT or kind == K.CONDITIONAL or (kind == K.BINARY_OPERATOR and node.operator in ("&&", "||")):
            self._branches(node)
        elif kind in _LOOPS:
            self._loop(node)
        elif kind == K.SWITCH_STMT:
            self._switch(node)
        else:
            if kind in _LABELS:
                self._label(kind)
            for kid in node.kids:
                self.run(kid)
        if kind in _TWO and len(node.kids) != 2:
            # libclang leaves out some operands (in asm goto outputs); without both there is nothing to say.
            return
        self._expressions.value(node)
        for handler in () if self._learning else self._handlers.get(kind, ()):
            handler(node, self._ctx)
        if kind in _ENDS:
            self._leave(kind)

    # Control flow

    def _save(self) -> _State:
        ctx = self._ctx
        return _State(dict(ctx.env), dict(ctx.numbers), set(ctx.measures))

    def _set(self, states: Sequence[_State], choice: bool = False) -> None:
        """Continue with what several paths have in common; `choice`: they are branches."""
        ctx, (first, *others) = self._ctx, states
        ctx.env, ctx.numbers, ctx.measures = dict(first.env), dict(first.numbers), set(first.measures)
        for other in others:
            for key in ctx.env.keys() | other.env.keys():
                value = join(ctx.env.get(key), other.env.get(key), choice)
                if value is not None:
                    ctx.env[key] = value
            ctx.numbers = {k: n for k, n in ctx.numbers.items() if other.numbers.get(k) == n}
            ctx.measures |= other.measures

    def _leave(self, kind: int) -> None:
        if kind in (K.BREAK_STMT, K.CONTINUE_STMT) and self._exits and not self._dead:
            self._exits[-1].append(self._save())
        elif kind in (K.GOTO_STMT, K.INDIRECT_GOTO_STMT) and not self._dead:
            self._jumps.append(self._save())
        self._dead = True

    def _label(self, kind: int) -> None:
        """A place that is reached from elsewhere as well as, unless that path ended, from above."""
        reached = [] if self._dead else [self._save()]
        if kind == K.LABEL_STMT:
            reached += self._jumps
        elif self._entries:
            reached.append(self._entries[-1])
        if reached:
            self._set(reached)
        self._dead = False

    def _branches(self, node: Node) -> None:
        condition, *branches = node.kids
        self.run(condition)
        before = self._save()
        dead = self._dead
        ends = [before] if len(branches) < 2 else []
        for branch in branches:
            self._set([before])
            self._dead = dead
            self.run(branch)
            if not self._dead:
                ends.append(self._save())
        self._set(ends or [before], choice=True)
        self._dead = dead or not ends

    def _loop(self, node: Node) -> None:
        first, turn = _turn(node)
        for part in first:
            self.run(part)
        before = self._save()
        exits: list[_State] = []
        for learning in (True, False):
            if learning and self._learning:
                # Inside a loop that is being learnt: what this one changes is not known, without looking closer.
                self._forget(node)
                continue
            outer, self._learning = self._learning, learning or self._learning
            self._exits.append(exits)
            for part in turn:
                self.run(part)
            self._exits.pop()
            self._learning = outer
            end = [] if self._dead else [self._save()]
            self._dead = False
            self._set([before, *end, *exits])

    def _forget(self, node: Node) -> None:
        ctx = self._ctx
        for key in _changes(node):
            if key in ctx.env:
                ctx.env[key] = replace(ctx.env[key], offset=None, moved=True)
            ctx.numbers.pop(key, None)

    def _switch(self, node: Node) -> None:
        *head, body = node.kids
        for part in head:
            self.run(part)
        before = self._save()
        exits: list[_State] = [before]
        self._exits.append(exits)
        self._entries.append(before)
        self.run(body)
        self._entries.pop()
        self._exits.pop()
        self._set([*exits, *([] if self._dead else [self._save()])])
        self._dead = False


def _changes(node: Node) -> dict[int, bool]:
    """{variable: whether it is only ever set anew} for what a subtree declares, assigns, increments or moves.

    `p = p + 8` moves p, it does not set it anew.
    """
    if node.changes is None:
        changes: dict[int, bool] = {}
        for kid in node.kids:
            for key, resets in _changes(kid).items():
                changes[key] = changes.get(key, True) and resets
        if node.kind == K.VAR_DECL:
            changes[decl_key(node.cursor)] = True
        elif node.kids and (target := node.kids[0].bare()).kind == K.DECL_REF_EXPR:
            key = decl_key(target.referenced)
            if node.kind == K.BINARY_OPERATOR and node.operator == "=":
                reads = any(n.kind == K.DECL_REF_EXPR and decl_key(n.referenced) == key for n in node.kids[1].walk())
                changes[key] = changes.get(key, True) and not reads
            elif node.kind == K.COMPOUND_ASSIGN or (node.kind == K.UNARY_OPERATOR and node.operator in ("++", "--")):
                changes[key] = False
        node.changes = changes
    return node.changes


def _turn(node: Node) -> tuple[list[Node], list[Node]]:
    """(what a loop does once, what each turn does, in order). libclang leaves out the parts that are not written."""
    *head, body = node.kids
    if node.kind == K.DO_STMT:
        body, *head = node.kids
        return [], [body, *head]
    if node.kind == K.WHILE_STMT:
        return [], [*head, body]
    first: list[Node] = []
    if head and (head[0].kind == K.DECL_STMT or (head[0].kind == K.BINARY_OPERATOR and head[0].operator in ("=", ","))):
        first = head[:1]
    rest = head[len(first) :]
    steps = [part for part in rest if _changes(part) and part is rest[-1]]
    return first, [*(part for part in rest if part not in steps), body, *steps]
