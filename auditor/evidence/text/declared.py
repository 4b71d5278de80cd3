# SPDX-License-Identifier: GPL-2.0-only
"""What a file declares that others use: members of the struct's type, and functions that yield a pointer to it.

A search over the bytes of one file; which struct a member is in is found by going back to the brace around it.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

_HEAD = re.compile(rb"\b(?:struct|union)\b\s*(\w*)[^;{}()]*$")
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)', re.M)
_FAR = 16_000
"""Bytes from a member back to the brace of its struct."""
_MOST = 300
"""Members of one file."""


@dataclass(frozen=True, slots=True)
class Declared:
    """`members`: (holder, member, pointers). `relocates`: it includes a header whose types carry CO-RE relocations."""

    members: tuple[tuple[str, str, int], ...] = ()
    yields: tuple[str, ...] = ()
    relocates: bool = False


@cache
def _patterns(names: tuple[str, ...], plain: tuple[str, ...]) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    tagged = b"|".join(re.escape(n.encode()) for n in names)
    typedefs = b"|".join(re.escape(n.encode()) for n in plain) or b"(?!)"
    kind = rb"(?:struct[ \t]+(?:" + tagged + rb")|" + typedefs + rb")\b(?:[ \t]*\bconst\b)?"
    member = re.compile(
        rb"^[ \t]+(?:const[ \t]+)?" + kind + rb"[ \t]*(\**)[ \t]*(\w+)[ \t]*(?:\[[^\];\n]*\][ \t]*)?;", re.M
    )
    yields = re.compile(rb"\b" + kind + rb"[ \t]*\*[ \t]*(?:\w+[ \t]+)?(\w+)\(")
    return member, yields


def includes(data: bytes) -> set[str]:
    return {m.decode("latin-1") for m in _INCLUDE.findall(data)}


def declared(data: bytes, names: Iterable[str], plain: Iterable[str], relocated: frozenset[str]) -> Declared:
    """`names`: tags of structs; `plain`: typedefs; `relocated`: names of headers with relocated types."""
    member, yields = _patterns(tuple(sorted(names)), tuple(sorted(plain)))
    members = []
    for match in itertools.islice(member.finditer(data), _MOST):
        holder = _holder(data, match.start())
        if holder:
            members.append((holder, match.group(2).decode(), len(match.group(1))))
    found = {m.group(1).decode() for m in yields.finditer(data)}
    relocates = any(posixpath.basename(i) in relocated for i in includes(data))
    return Declared(tuple(sorted(set(members))), tuple(sorted(found)), relocates)


def _holder(data: bytes, end: int) -> str:
    """The struct around an offset, by name; empty for a function's local, or what has no name."""
    start = max(0, end - _FAR)
    depth = 0
    position = end
    while True:
        opening, closing = data.rfind(b"{", start, position), data.rfind(b"}", start, position)
        if opening < 0 and closing < 0:
            return ""
        position = max(opening, closing)
        if closing > opening:
            depth += 1
        elif depth:
            depth -= 1
        else:
            head = _HEAD.search(data, max(start, opening - 200), opening)
            if head is None:
                return ""
            if head.group(1):
                return head.group(1).decode()
