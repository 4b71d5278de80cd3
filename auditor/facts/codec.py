# SPDX-License-Identifier: GPL-2.0-only
"""Facts as bytes and back, without loss: JSON, compressed. What does not decode is no fact: ValueError."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TypeVar

import msgspec

from auditor.model import Facts, Site

T = TypeVar("T")
MAX_BYTES = 256 << 20
"""Of one value, unpacked; the largest, the facts of a kernel, has some 3 MiB."""


def pack(value: object) -> bytes:
    """ValueError: a text in it is not Unicode (a file name's odd bytes), and could not come back as it was."""
    return zlib.compress(msgspec.json.encode(value), 1)


def unpack(data: bytes, kind: type[T]) -> T:
    """ValueError: damaged, too large, or not of this kind."""
    try:
        stream = zlib.decompressobj()
        text = stream.decompress(data, MAX_BYTES)
        if not stream.eof:
            raise ValueError("cut off, or larger than any fact")
        return msgspec.json.decode(text, type=kind)
    except (zlib.error, msgspec.MsgspecError, RecursionError) as e:
        raise ValueError(str(e)) from e


def unpack_facts(data: bytes) -> Facts:
    facts = unpack(data, Facts)
    return replace(facts, sites=tuple(map(whole_site, facts.sites)))


def whole_site(site: Site) -> Site:
    """JSON has lists only: a guard's expression is made of tuples again."""
    if site.guard is None:
        return site
    expression = _tuples(site.guard.expression)
    if not isinstance(expression, tuple):
        raise ValueError("a guard's expression is no expression")
    return replace(site, guard=replace(site.guard, expression=expression))


def _tuples(value: object) -> object:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
