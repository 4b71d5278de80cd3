# SPDX-License-Identifier: GPL-2.0-only
"""What the compiler reads and what the text says of both versions, so that the same is compared with the same. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from auditor.change.parsed import Both, Parsed
from auditor.model import Site

Functions = tuple[tuple[str, str, str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Combined:
    """Sites of one version, with what code depends on them; paths are those of the newer version."""

    sites: tuple[Site, ...]
    functions: Functions = ()


def combined(
    both: Both, base: Sequence[Site], head: Sequence[Site], before: Collection[str], after: Collection[str]
) -> tuple[Combined, Combined]:
    """`base` and `head`: what the text gave. `before` and `after`: the files of the change that each version has, by
    the newer names.

    A file counts as parsed if it was in every version that has it. Of a file that the change does not touch only what
    both versions read is compared: a unit that is new sees nothing new in an old header.
    """
    touched = {*before, *after}
    parsed = {
        f
        for f in touched
        if (f not in before or f in both.base.read) and (f not in after or f in both.head.read)
    }  # fmt: skip
    compared = parsed | ((both.base.read & both.head.read) - touched)
    return _version(both.base, base, compared, parsed), _version(both.head, head, compared, parsed)


def _version(version: Parsed, text: Sequence[Site], compared: Collection[str], parsed: Collection[str]) -> Combined:
    kept = [i for i, s in enumerate(version.sites) if s.file in compared]
    place = {old: new for new, old in enumerate(kept)}
    told = {(s.file, s.line) for s in version.sites}
    more = [
        s for s in text if s.file not in parsed or (_left_out(s, version.inactive) and (s.file, s.line) not in told)
    ]
    functions = (
        (source, object_, name, tuple(place[i] for i in indices if i in place))
        for source, object_, name, indices in version.functions
    )
    return Combined(sites=(*(version.sites[i] for i in kept), *more), functions=tuple(f for f in functions if f[3]))


def _left_out(site: Site, inactive: Mapping[str, tuple[tuple[int, int], ...]]) -> bool:
    """Did the preprocessor not read it? To a compiler of C, the numbers that a header defines for assembly are
    nothing."""
    if site.kind == "asm-literal":
        return True
    return any(first <= site.line <= last for first, last in inactive.get(site.file, ()))
