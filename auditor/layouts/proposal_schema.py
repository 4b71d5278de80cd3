# SPDX-License-Identifier: GPL-2.0-only
"""The TOML of one proposal, checked key by key. The format is described in rules/proposals/README.md."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any

from auditor.errors import InputError
from auditor.model import Field, Operation, Proposal

TOP = ("format", "id", "title", "description", "edits", "readers", "references", "operation")
_ALIASES = {"append": "insert", "wrap": "extension"}
KEYS = {
    "insert": ("members", "at", "before", "after"),
    "append": ("members",),
    "remove": ("member",),
    "resize": ("member", "size"),
    "reorder": ("order",),
    "extension": ("members", "scope"),
    "wrap": ("members", "scope"),
    "frame-below": ("bytes",),
    "frame-above": ("bytes",),
}
_SCOPES = ("entry", "call")
_ENDS = ("head", "tail")
_EDIT_KINDS = ("macro", "symbol", "calls")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_NAME = re.compile(r"[A-Za-z_]\w{0,127}", re.ASCII)
_LENGTH = re.compile(r"\[(\d{1,6})\]")
_STACK_SLOT = 4
MAX_BYTES = 1 << 20
"""Of a member or a frame; more than a kernel stack is a slip of the pen."""


class _Reader:
    """Typed access to one table; every error names file and key."""

    def __init__(self, path: str, where: str, table: Any) -> None:
        self.path, self.where = path, where
        if not isinstance(table, dict):
            raise self.error("", "must be a table")
        self.table: Mapping[str, Any] = table

    def error(self, key: str, problem: str, hint: str = "") -> InputError:
        place = ".".join(p for p in (self.where, key) if p)
        return InputError(self.path, f"{place}: {problem}", hint)

    def known(self, keys: Collection[str]) -> None:
        for key in self.table:
            if key not in keys:
                raise self.error(key, "unknown key", suggestion(key, keys))

    def text(self, key: str, default: str | None = None) -> str:
        value = self.table.get(key, default)
        if value is None:
            raise self.error(key, "is missing")
        if not isinstance(value, str) or (not value.strip() and default is None):
            raise self.error(key, "must be a text that is not empty")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
            raise self.error(key, "must be a list of texts")
        if len(set(value)) != len(value):
            raise self.error(key, "names something twice")
        return tuple(value)

    def count(self, key: str) -> int:
        value = self.table.get(key)
        if type(value) is not int or not 0 < value <= MAX_BYTES:
            raise self.error(key, f"must be a number of bytes from 1 to {MAX_BYTES}")
        return value

    def name(self, key: str) -> str:
        value = self.text(key)
        if not _NAME.fullmatch(value):
            raise self.error(key, f"{value!r} is not a C identifier")
        return value

    def choice(self, key: str, choices: Collection[str]) -> str:
        value = self.text(key)
        if value not in choices:
            raise self.error(key, f"{value!r} is not one of {', '.join(choices)}", suggestion(value, choices))
        return value


def suggestion(word: str, known: Collection[str]) -> str:
    """A hint for an error message: the nearest known word, or all of them."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


def proposal(path: str, data: Mapping[str, Any], arch_id: str) -> Proposal:
    """Operations for another architecture than `arch_id` are checked, and left out.

    InputError names the file and the key: unknown or missing key, wrong type, a size that no C scalar has.
    """
    top = _Reader(path, "", data)
    top.known(TOP)
    pid = top.text("id")
    if not _ID.fullmatch(pid):
        raise top.error("id", f"{pid!r} must be lower-case letters, digits and hyphens")
    tables = data.get("operation")
    if not isinstance(tables, list) or not tables:
        raise top.error("operation", "at least one [[operation]] is needed")
    made = [_operation(_Reader(path, f"operation[{i}]", t)) for i, t in enumerate(tables)]
    return Proposal(
        id=pid,
        title=top.text("title"),
        description=top.text("description").strip(),
        operations=tuple(op for archs, op in made if not archs or arch_id in archs),
        edits=_edits(top),
        readers=top.texts("readers"),
        references=top.texts("references"),
        source=path,
    )


def _edits(top: _Reader) -> tuple[str, ...]:
    edits = top.texts("edits")
    for edit in edits:
        kind, colon, name = edit.partition(":")
        if edit != "struct" and not (colon and kind in _EDIT_KINDS and _NAME.fullmatch(name)):
            raise top.error("edits", f"{edit!r} is neither struct nor macro:NAME, symbol:NAME or calls:NAME")
    return edits


def _operation(reader: _Reader) -> tuple[tuple[str, ...], Operation]:
    name = reader.choice("op", KEYS)
    reader.known(("op", "arch", *KEYS[name]))
    op = _ALIASES.get(name, name)
    archs = _archs(reader)
    match op:
        case "insert":
            return archs, _insert(reader, "tail" if name == "append" else "")
        case "remove":
            return archs, Operation(op, member=reader.name("member"))
        case "resize":
            return archs, Operation(op, member=reader.name("member"), size=_power(reader, "size", reader.count("size")))
        case "reorder":
            order = reader.texts("order")
            if len(order) < 2:
                raise reader.error("order", "must name at least two members, in their new order")
            return archs, Operation(op, order=order)
        case "extension":
            scope = reader.choice("scope", _SCOPES)
            members = _members(reader)
            below = sum(m.size for m in members)
            placed = tuple(Field(m.name, m.type, m.offset - below, m.size) for m in members)
            return archs, Operation(op, members=placed, scope=scope)
        case _:
            size = reader.count("bytes")
            if size % _STACK_SLOT:
                raise reader.error("bytes", f"{size} is not a multiple of {_STACK_SLOT}; the stack would be misaligned")
            return archs, Operation(op, bytes=size)


def _archs(reader: _Reader) -> tuple[str, ...]:
    if isinstance(reader.table.get("arch"), list):
        return reader.texts("arch")
    return (reader.name("arch"),) if "arch" in reader.table else ()


def _insert(reader: _Reader, at: str) -> Operation:
    given = [k for k in ("at", "before", "after") if k in reader.table]
    if not at and len(given) != 1:
        raise reader.error(
            "", "exactly one of at, before and after must say where", f"given: {', '.join(given) or 'none'}"
        )
    members = _members(reader)
    if at or given == ["at"]:
        return Operation("insert", members=members, at=at or reader.choice("at", _ENDS))
    if given == ["before"]:
        return Operation("insert", members=members, before=reader.name("before"))
    return Operation("insert", members=members, after=reader.name("after"))


def _members(reader: _Reader) -> tuple[Field, ...]:
    """Offsets count from the first of them; each is naturally aligned as long as sizes do not grow."""
    tables = reader.table.get("members")
    if not isinstance(tables, list) or not tables:
        raise reader.error("members", "must be a list of tables with name, type and size")
    found: list[Field] = []
    offset = 0
    for i, table in enumerate(tables):
        member = _Reader(reader.path, f"{reader.where}.members[{i}]", table)
        member.known(("name", "type", "size"))
        name, spelled = member.name("name"), member.text("type")
        size = _power(member, "size", member.count("size"), spelled)
        if any(f.name == name for f in found):
            raise member.error("name", f"{name!r} is there twice")
        found.append(Field(name, spelled, offset, size))
        offset += size
    return tuple(found)


def _power(reader: _Reader, key: str, size: int, spelled: str = "") -> int:
    """The size, if an array of that many elements (one, for a scalar) has elements whose size is a power of two."""
    count = 1
    for length in _LENGTH.findall(spelled):
        count *= int(length)
    element, rest = divmod(size, count) if count else (0, 1)
    if rest or element & (element - 1) or not element:
        raise reader.error(key, f"{size} is not a size that {spelled or 'a scalar'} can have: not a power of two")
    return size
