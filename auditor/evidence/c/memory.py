# SPDX-License-Identifier: GPL-2.0-only
"""What a process keeps between units: what headers gave, and what units share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from auditor import arch as archs
from auditor.evidence.c.api import Api
from auditor.evidence.c.calls import Function
from auditor.evidence.c.context import NOTHING, Said
from auditor.evidence.c.events import Events
from auditor.evidence.c.files import Hot
from auditor.evidence.c.flow import Handler
from auditor.evidence.c.leads import Leads
from auditor.evidence.c.macros import Definitions, Macro
from auditor.evidence.c.shared import SharedHeaders
from auditor.evidence.c.sites import Found
from auditor.evidence.c.source import Sources
from auditor.kernel.closure import Leading
from auditor.kernel.includes import closure
from auditor.model import Layout

Handlers = Mapping[int, Sequence[Handler]]
Pattern = tuple[int, str, Macro | None, str, tuple[int, int]]
"""(kind, name of a macro, its definition, name of what it makes with a sign for its first argument, (variant of the
file, flavour))"""


class Memory:
    """What a process keeps between units: file texts, macro definitions, what headers gave."""

    def __init__(self, handlers: Handlers, leading: Leading, given: Mapping[str, bytes] | None = None) -> None:
        self.handlers = handlers
        self.leading = leading
        self.api = Api()
        self.sources = Sources(given)
        self.definitions = Definitions(self.sources)
        self.events = Events(self.sources)
        self.led: set[tuple[object, ...]] = set()
        """Declarations whose names are leads already."""
        self.flavours: dict[tuple[str, ...], int] = {}
        self.layouts: dict[tuple[object, ...], Layout | None] = {}
        self.variants: dict[tuple[object, ...], int] = {}
        self.headers: dict[tuple[object, ...], list[Given]] = {}
        self.plain: set[Pattern] = set()
        """Functions that hold no site, as a macro makes them."""
        self.touching: dict[Pattern, bool] = {}
        """Whether what a macro makes has to do with the struct at all."""
        self.extents: dict[tuple[object, ...], tuple[str, bool]] = {}
        self._kept: dict[tuple[str, str], tuple[Leads, Hot, Hot]] = {}

    def kept(self, arch_id: str, struct: str) -> tuple[Leads, Hot, Hot]:
        """(names that lead to the struct, where headers write one of the known ones, where files name the struct)"""
        key = (arch_id, struct)
        if key not in self._kept:
            leads = Leads(self.definitions, archs.for_struct(arch_id, struct), struct, self.leading.names)
            hot = Hot(self.sources, hot_words(arch_id, struct))
            self._kept[key] = (leads, hot, Hot(self.sources, leads.own_words))
        return self._kept[key]


@dataclass(frozen=True, slots=True)
class Given:
    """What one declaration of a header gave: sites, and what it says of others. `needs`: (file that declares what it
    uses, variant of it)."""

    found: tuple[Found, ...] = ()
    said: Said = NOTHING
    functions: tuple[Function, ...] = ()
    needs: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Shared:
    """A prelude as this process has parsed it; `pch` is the path of its precompiled form, all others are absolute.

    `times`: {file: how often it was read}, as they were entered. `included`: {file: files that it includes}; "" is the
    command. `given`: (header, what a declaration in it gave), in their order. `macros`: {file: offsets of its
    definitions}. `variants`: {file that matters: a number for what conditionals leave out of it}.
    """

    pch: str
    times: Mapping[str, int]
    included: Mapping[str, Sequence[str]]
    given: Sequence[tuple[str, Given]]
    containers: frozenset[str]
    layout: Layout
    skipped: Mapping[str, tuple[tuple[int, int], ...]]
    macros: Mapping[str, Set[int]]
    variants: Mapping[str, int]
    headers: SharedHeaders

    def reached(self, files: Iterable[str]) -> dict[str, None]:
        """The shared files that a unit which includes these would have read without any prelude."""
        # What the command includes was read with the prelude; libclang does not read it again.
        found = closure((*self.included.get("", ()), *files), lambda f: self.included.get(f, ()))
        return {f: None for f in self.times if f in found}


def hot_words(arch_id: str, struct: str) -> frozenset[str]:
    """What makes a header's declaration worth walking."""
    arch = archs.for_struct(arch_id, struct)
    return arch.leading | {struct, *arch.words}
