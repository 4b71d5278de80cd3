# SPDX-License-Identifier: GPL-2.0-only
"""Headers that are parsed once for many units: those that nearly all units of one set of flags read anyway.

Two thirds of a kernel unit's parse are headers that its neighbours read, too. Units with the same flags share the
headers that at least 85 % of them reach, by their text. Whether a unit then reads them as all others do is found out
when it is parsed (`evidence.c.agreement`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from auditor.evidence.c.job import OTHER_DIRECTORIES, UNITS_NAMES, Job, Prelude
from auditor.kernel.includes import Includes

_WORTH = 4
"""Units that one prelude must serve: making it costs as much as parsing one or two."""
_SHARE = 0.85
_CONSIDERED = 256
_DIRECTORY = "-I"


def share_headers(jobs: Sequence[Job]) -> list[Job]:
    """The jobs in their order, each with the prelude that it may use, if any."""
    groups: dict[tuple[object, ...], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.directory, job.root, _flags(job)), []).append(job)
    chosen: dict[str, Prelude] = {}
    for members in groups.values():
        if len(members) >= _WORTH:
            chosen.update(_choose(members))
    return [replace(j, prelude=chosen.get(j.object)) for j in jobs]


def _flags(job: Job) -> tuple[str, ...]:
    """All but the unit's names, and the directories that come last: nothing that others find is found there first."""
    named = tuple(a for a in job.arguments if not a.startswith(UNITS_NAMES))
    if any(a.startswith(OTHER_DIRECTORIES) for a in named):
        return named
    return tuple(a for a in named if not a.startswith(_DIRECTORY))


def _choose(members: Sequence[Job]) -> dict[str, Prelude]:
    """{object: the prelude} of those members that may use one."""
    directories = _common([[a for a in j.arguments if a.startswith(_DIRECTORY)] for j in members])
    places = [os.path.join(members[0].directory, d.removeprefix(_DIRECTORY)) for d in directories]
    includes = Includes(places, (members[0].root, members[0].directory))
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
    if not headers or len(users) < _WORTH:
        return {}
    left_out = (*UNITS_NAMES, _DIRECTORY)
    arguments = [a for a in users[0].arguments if not a.startswith(left_out)]
    prelude = Prelude(tuple(headers), (*directories, *arguments), _macros(users))
    return {j.object: prelude for j in users}


def _macros(users: Sequence[Job]) -> tuple[tuple[str, str], ...]:
    """What Kbuild defines for each of the units, with the value of the first; whose value it is shows nowhere."""
    many = [dict(_macro(a) for a in j.arguments if a.startswith(UNITS_NAMES)) for j in users]
    return tuple((name, value) for name, value in many[0].items() if all(name in m for m in many))


def _macro(argument: str) -> tuple[str, str]:
    """As clang reads -D: 1 where there is no value, and nothing from the end of the line on."""
    name, given, value = argument.removeprefix("-D").partition("=")
    return name, value.partition("\n")[0] if given else "1"


def _common(many: Sequence[Sequence[str]]) -> list[str]:
    """The beginning that all have in common: what comes later finds nothing that these have."""
    beside = takewhile(lambda directories: len(set(directories)) == 1, zip(*many, strict=False))
    return [directories[0] for directories in beside]
