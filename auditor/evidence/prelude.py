# SPDX-License-Identifier: GPL-2.0-only
"""Headers that are parsed once for many units: those that nearly all units of one set of flags read anyway.

Two thirds of a kernel unit's parse are headers that its neighbours read, too. Units with the same flags are split into
clusters, by a header that some of them reach, as long as that makes more common to their members than another parse
costs; a cluster shares all headers that each of its members reaches, by their text. Whether a unit then reads them as
all others do is found out when it is parsed (`evidence.c.agreement`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import takewhile
from operator import and_

from auditor.evidence.c.job import UNITS_NAMES, Job, Prelude
from auditor.kernel.flags import OTHER_DIRECTORIES
from auditor.kernel.includes import Includes

_COST = 3
"""What making a prelude costs, in parses of its headers: it is parsed, walked, written and loaded."""
_CONSIDERED = 256
"""Headers, of those that most sources name, by which a group may be split."""
_DIRECTORY = "-I"


def share_headers(jobs: Sequence[Job]) -> list[Job]:
    """The jobs in their order, each with the prelude that it may use, if any."""
    groups: dict[tuple[object, ...], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.directory, job.root, _flags(job)), []).append(job)
    chosen: dict[str, Prelude] = {}
    for members in groups.values():
        if len(members) > _COST:
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
    sources = [j.source for j in members]
    named = Counter(h for s in sources for h in includes.of(s) if h.endswith(".h"))
    considered = [h for h, _ in named.most_common()]
    headers = sorted(includes.closure(considered))
    reached = includes.reaching(sources, {h: 1 << i for i, h in enumerate(headers)})
    bits = {h: reached[h] for h in considered}
    found: dict[str, Prelude] = {}
    for cluster in _clusters(members, reached, list(bits.values())[:_CONSIDERED]):
        held, common = 0, _all_reach(cluster, reached)
        shared = []
        for header, below in bits.items():
            if below & common == below and below & ~held:
                shared.append(header)
                held |= below
        if shared:
            prelude = Prelude(tuple(shared), (*directories, *_arguments(cluster[0])), _macros(cluster))
            found.update((j.object, prelude) for j in cluster)
    return found


def _clusters(members: Sequence[Job], reached: Mapping[str, int], splits: Sequence[int]) -> Iterator[Sequence[Job]]:
    """`reached`: {source: the headers that it reaches, as bits}; `splits`: of each header to split by, the same."""
    best, parts = _worth(members, reached), [members]
    for split in splits:
        reaching = [j for j in members if reached[j.source] & split == split]
        if len(reaching) in (0, len(members)):
            continue
        others = [j for j in members if reached[j.source] & split != split]
        worth = _worth(reaching, reached) + _worth(others, reached)
        if worth > best:
            best, parts = worth, [reaching, others]
    if len(parts) > 1:
        for part in parts:
            yield from _clusters(part, reached, splits)
    elif best > 0:
        yield members


def _worth(members: Sequence[Job], reached: Mapping[str, int]) -> int:
    """How many headers need not be parsed if the members share all that each of them reaches."""
    return max(0, len(members) - _COST) * _all_reach(members, reached).bit_count()


def _all_reach(members: Iterable[Job], reached: Mapping[str, int]) -> int:
    return reduce(and_, (reached[j.source] for j in members), -1) if members else 0


def _arguments(job: Job) -> list[str]:
    return [a for a in job.arguments if not a.startswith((*UNITS_NAMES, _DIRECTORY))]


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
