# SPDX-License-Identifier: GPL-2.0-only
"""Headers that are parsed once for many units: those that nearly all units of one set of flags read anyway.

Two thirds of a kernel unit's parse are headers that its neighbours read, too. Units with the same flags share the
headers that at least 85 % of them reach. A unit may use what is shared if it reaches all of it, and sets no macro
before an include that can make it another text. All others are parsed as they are.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from auditor.evidence.c.job import Job, Prelude
from auditor.evidence.c.walk import hot_words
from auditor.kernel.includes import Includes, directives

_WORTH = 4
"""Units that one prelude must serve: making it costs as much as parsing one or two."""
_SHARE = 0.85
_CONSIDERED = 256
# What Kbuild says of the single unit; no header's declaration depends on it.
_NAMES = ("-DKBUILD_", "-D__KBUILD_")
_DIRECTORIES = ("-I", "-isystem")
_NAME = re.compile(r"[A-Za-z_]\w*")
_MACRO = re.compile(r"\w+(\([^)]*\))?(.*)", re.S)
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')


def share_headers(jobs: Sequence[Job]) -> list[Job]:
    """The jobs in their order, each with the prelude that it can use, if any."""
    groups: dict[tuple[object, ...], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.directory, job.root, _flags(job)), []).append(job)
    chosen: dict[str, Prelude] = {}
    for members in groups.values():
        if len(members) >= _WORTH:
            chosen.update(_choose(members))
    return [replace(j, prelude=chosen.get(j.object)) for j in jobs]


def _flags(job: Job) -> tuple[str, ...]:
    return tuple(a for a in job.arguments if not a.startswith((*_NAMES, *_DIRECTORIES)))


def _choose(members: Sequence[Job]) -> dict[str, Prelude]:
    """{object: the prelude} of those members that can use one."""
    directories = _common([[a for a in j.arguments if a.startswith(_DIRECTORIES)] for j in members])
    includes = Includes([_path(members[0], d) for d in directories])
    named = Counter(h for j in members for h in includes.of(j.source) if h.endswith(".h"))
    considered = [h for h, _ in named.most_common(_CONSIDERED)]
    bits = {h: 1 << i for i, h in enumerate(considered)}
    reached = includes.reaching([j.source for j in members], bits)
    headers: list[str] = []
    users = list(members)
    held = 0
    for header in considered:
        left = [j for j in users if reached.get(j.source, 0) & bits[header]]
        if not held & bits[header] and len(left) >= _SHARE * len(members):
            headers.append(header)
            held |= reached[header]
            users = left
    if not headers:
        return {}
    setting = _setting(users, includes, headers)
    users = [j for j in users if j.object not in setting]
    if len(users) < _WORTH:
        return {}
    left_out = (*_NAMES, *_DIRECTORIES)
    arguments = [a for a in members[0].arguments if not a.startswith(left_out)]
    defined = (a[2:].partition("=") for a in users[0].arguments if a.startswith(_NAMES))
    macros = tuple((name, value) for name, _, value in defined)
    prelude = Prelude(tuple(headers), (*directories, *arguments), macros)
    return {j.object: prelude for j in users}


def _setting(users: Sequence[Job], includes: Includes, headers: Sequence[str]) -> set[str]:
    """Objects of the users that set a macro before an include, in the source or a header of their own, which one of
    the shared headers asks for, or which one that names the struct writes."""
    shared = includes.closure(headers)
    tested = frozenset[str]().union(*(directives(f).tested for f in shared))
    hot = hot_words(users[0].arch, users[0].struct)
    written = frozenset[str]().union(*(_NAME.findall(code) for code in map(_code, shared) if hot.search(code)))
    setting = {}
    for file in includes.closure(j.source for j in users) - shared:
        before = directives(file).before
        if any(name in tested or (name in written and not _is_harmless(name, body)) for name, body in before):
            setting[file] = 1
    found = includes.reaching([j.source for j in users], setting)
    return {j.object for j in users if found.get(j.source)}


def _code(path: str) -> str:
    """A file's text without its comments."""
    try:
        return _COMMENT.sub(" ", Path(path).read_text(encoding="latin-1"))
    except OSError:
        return ""


def _is_harmless(name: str, definition: str) -> bool:
    """A message's format, as pr_fmt: strings, the parameters, the unit's name; what prints it is the same code. Or the
    name itself, which says that there is such a function."""
    macro = _MACRO.fullmatch(definition)
    parameters, body = macro.groups("") if macro else ("", "")
    known = set(_NAME.findall(parameters)) | {"__func__"}
    names = _NAME.findall(_STRING.sub("", body))
    text = _STRING.search(body) is not None and all(n in known or n.startswith("KBUILD_") for n in names)
    return text or body.strip() == name


def _common(many: Sequence[Sequence[str]]) -> list[str]:
    """The beginning that all have in common: what comes later finds nothing that these have."""
    beside = takewhile(lambda directories: len(set(directories)) == 1, zip(*many, strict=False))
    return [directories[0] for directories in beside]


def _path(job: Job, argument: str) -> str:
    return os.path.join(job.directory, re.sub(r"^-(?:I|isystem)", "", argument))
