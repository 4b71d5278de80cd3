# SPDX-License-Identifier: GPL-2.0-only
"""Which functions became part of which others: a function that is in no object lives on in its callers.

The compiler says so itself (gcc: -fopt-info-inline, clang: -Rpass=inline); neither option changes code.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from auditor.errors import InputError
from auditor.files import open_regular
from auditor.prove.objects import base_name

_GCC = re.compile(r"Inlin(?:ed|ing) ([\w.$]+)/\d+ into ([\w.$]+)/\d+")
_CLANG = re.compile(r"'([\w.$]+)' inlined into '([\w.$]+)'")
_LONGEST = 64 << 20


def options(compiler: str, remarks: Path) -> tuple[str, ...]:
    """What makes the compiler tell: gcc in the file `remarks`, clang among its messages."""
    if "clang" in os.path.basename(compiler):
        return ("-Rpass=inline",)
    return (f"-fopt-info-inline-optimized={remarks}",)


def pairs(remarks: Path, messages: str) -> frozenset[tuple[str, str]]:
    """(callee, caller), as base names. A compiler that told nothing has inlined nothing that we know of."""
    found = _CLANG.findall(messages)
    try:
        stream, _ = open_regular(str(remarks))
        with stream:
            found += _GCC.findall(stream.read(_LONGEST).decode("utf-8", "replace"))
    except InputError:
        pass
    except OSError as e:
        raise InputError(str(remarks), e.strerror or "cannot be read") from e
    return frozenset((base_name(a), base_name(b)) for a, b in found)


def hosts(inlined: Iterable[tuple[str, str]]) -> Mapping[str, frozenset[str]]:
    """{function: all functions that it became part of, directly or through others}."""
    into: dict[str, set[str]] = defaultdict(set)
    for callee, caller in inlined:
        into[callee].add(caller)
    found: dict[str, frozenset[str]] = {}
    for name in into:
        reached: set[str] = set()
        todo = [name]
        while todo:
            new = into.get(todo.pop(), set()) - reached
            reached |= new
            todo += new
        found[name] = frozenset(reached - {name})
    return found
