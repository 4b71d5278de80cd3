# SPDX-License-Identifier: GPL-2.0-only
"""A proposal's operations as edits of a struct's text. No line is added or removed: `__LINE__` ends up in code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.errors import UsageError
from auditor.layouts.spelling import declare
from auditor.model import Layout, Operation, Proposal

_COMMENT = re.compile(rb"/\*.*?\*/|//[^\n]*", re.DOTALL)
_TO_SEMICOLON = re.compile(rb"(?:/\*.*?\*/|//[^\n]*|[^;/]|/)*?;", re.DOTALL)
_INTEGERS = {1: "unsigned char", 2: "unsigned short", 4: "unsigned int", 8: "unsigned long"}


@dataclass(frozen=True, slots=True)
class Statement:
    """Members that one declaration makes: text[start:end], the semicolon included.

    `whole`: an edit beside one of the members is an edit beside all of them (an unnamed union).
    """

    names: tuple[str, ...]
    start: int
    end: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Edit:
    start: int
    end: int
    text: bytes


def end_of_statement(text: bytes, at: int) -> int:
    """After the semicolon that follows `at`, comments passed over; `at` itself if there is none."""
    found = _TO_SEMICOLON.match(text, at)
    return found.end() if found else at


def edited(text: bytes, edits: Sequence[Edit]) -> bytes:
    for edit in sorted(edits, key=lambda e: (e.start, e.end), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def struct_edits(text: bytes, members: Sequence[Statement], layout: Layout, proposal: Proposal) -> list[Edit]:
    """UsageError: an operation has no place in this text, such as between two members of one declaration."""
    found: list[Edit] = []
    for op in proposal.operations:
        match op.op:
            case "insert":
                found.append(_insert(members, op, proposal))
            case "remove":
                at = _alone(members, op.member, op, proposal)
                found.append(Edit(at.start, at.end, _lines(text, at)))
            case "resize":
                found.append(_resize(text, members, layout, op, proposal))
            case "reorder":
                found += _reorder(text, members, op, proposal)
    return found


def _insert(members: Sequence[Statement], op: Operation, proposal: Proposal) -> Edit:
    new = " ".join(declare(m.type, m.name) + ";" for m in op.members).encode()
    if op.at == "head" or op.before:
        at = members[0] if op.at else _beside(members, op.before, 0, op, proposal)
        return Edit(at.start, at.start, new + b" ")
    at = members[-1] if op.at else _beside(members, op.after, -1, op, proposal)
    return Edit(at.end, at.end, b" " + new)


def _resize(text: bytes, members: Sequence[Statement], layout: Layout, op: Operation, proposal: Proposal) -> Edit:
    at = _alone(members, op.member, op, proposal)
    old = layout.get(op.member)
    if old is None or op.size not in _INTEGERS or re.search(r"[\[(*]", old.type):
        raise _no_place(proposal, op, f"no plain type of C makes {op.member} {op.size} bytes long")
    return Edit(at.start, at.end, declare(_INTEGERS[op.size], op.member).encode() + b";" + _lines(text, at))


def _reorder(text: bytes, members: Sequence[Statement], op: Operation, proposal: Proposal) -> list[Edit]:
    moved = [_alone(members, name, op, proposal) for name in op.order]
    places = sorted(moved, key=lambda s: s.start)
    return [
        Edit(to.start, to.end, b" ".join(_COMMENT.sub(b" ", text[s.start : s.end]).split()) + _lines(text, to))
        for to, s in zip(places, moved, strict=True)
    ]


def _lines(text: bytes, at: Statement) -> bytes:
    return b"\n" * text.count(b"\n", at.start, at.end)


def _beside(members: Sequence[Statement], name: str, end: int, op: Operation, proposal: Proposal) -> Statement:
    """The statement before (`end` 0) or after (-1) which a new one may stand."""
    for statement in members:
        if name in statement.names:
            if statement.whole or statement.names[end] == name:
                return statement
            raise _no_place(proposal, op, f"{name} shares its declaration with {', '.join(statement.names)}")
    raise _no_place(proposal, op, f"{name} is not declared in the struct itself")


def _alone(members: Sequence[Statement], name: str, op: Operation, proposal: Proposal) -> Statement:
    for statement in members:
        if statement.names == (name,):
            return statement
    raise _no_place(proposal, op, f"{name} has no declaration of its own")


def _no_place(proposal: Proposal, op: Operation, problem: str) -> UsageError:
    return UsageError(f"{proposal.source or proposal.id}: {op.op}: cannot be made in the header: {problem}")
