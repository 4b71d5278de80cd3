# SPDX-License-Identifier: GPL-2.0-only
"""Which functions became part of which others: a function that is in no object lives on in its callers.

The compiler says so itself, and none of the options that make it changes code. gcc tells of early inlining only among
its remarks (-fopt-info-inline), and of functions that are called once only in the dump of its later pass.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from auditor.errors import InputError
from auditor.files import open_regular
from auditor.prove.places import base_name

_GCC = re.compile(r"Inlin(?:ed|ing) ([\w.$]+)/\d+ into ([\w.$]+)/\d+")
_GCC_HOST = re.compile(r"^IPA function summary for ([\w.$]+)/\d+ ")
_GCC_CALL = re.compile(r"^\s+([\w.$]+)/\d+ inlined$")
_CLANG = re.compile(r"'([\w.$]+)' inlined into '([\w.$]+)'")
_LONGEST = 64 << 20


def options(compiler: str, remarks: Path) -> tuple[str, ...]:
    """What makes the compiler tell: gcc in files that start with `remarks`, clang among its messages."""
    if "clang" in os.path.basename(compiler):
        return ("-Rpass=inline",)
    return f"-fopt-info-inline-optimized={remarks}.early", f"-fdump-ipa-inline={remarks}.late"


def pairs(remarks: Path, messages: str) -> frozenset[tuple[str, str]]:
    """(callee, caller), as base names. A compiler that told nothing has inlined nothing that we know of."""
    found = [*_CLANG.findall(messages), *_GCC.findall(_text(f"{remarks}.early")), *_late(_text(f"{remarks}.late"))]
    return frozenset((base_name(a), base_name(b)) for a, b in found)


def _late(dump: str) -> Iterator[tuple[str, str]]:
    """Each function's summary lists what was inlined into it, at any depth."""
    host = ""
    for line in dump.splitlines():
        if summary := _GCC_HOST.match(line):
            host = summary[1]
        elif host and (call := _GCC_CALL.match(line)):
            yield call[1], host


def _text(path: str) -> str:
    if not os.path.exists(path):
        return ""
    stream, _ = open_regular(path)
    with stream:
        try:
            return stream.read(_LONGEST).decode("utf-8", "replace")
        except OSError as e:
            raise InputError(path, e.strerror or "cannot be read") from e


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
