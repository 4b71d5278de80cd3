# SPDX-License-Identifier: GPL-2.0-only
"""From drafts to sites: where each is written, in the file or in a macro's definition."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, Draft, Expansion, decl_key
from auditor.evidence.c.files import Files
from auditor.evidence.c.macros import Place
from auditor.evidence.c.source import Sources, one_line
from auditor.model import Site

_TYPES = {K.STRUCT_DECL, K.UNION_DECL, K.ENUM_DECL}
_DECLARED = {*_TYPES, K.VAR_DECL, K.FUNCTION_DECL}
Identity = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A site, the places where it is used (for a macro: its expansions), the functions of this unit that hold it."""

    site: Site
    places: tuple[tuple[str, int], ...]
    functions: tuple[str, ...]


def site_identity(site: Site) -> Identity:
    """What makes two sightings one site. A place in a macro's definition stands for all members its uses name."""
    fields = () if "definition" in site.traits else site.fields
    return (site.rule, site.file, site.line, site.column, fields)


def joined(one: Site, other: Site) -> Site:
    """Two sightings of one site: what they do not have in common does not hold for it."""
    if more := [f for f in other.fields if f not in one.fields]:
        one = replace(one, fields=(*one.fields, *more), bytes=None)
    return one if one.provenance == other.provenance else replace(one, provenance="unknown")


class Collector:
    """Sites by identity, merged as they come."""

    def __init__(self, sources: Sources, files: Files) -> None:
        self._sources, self._files = sources, files
        self._sites: dict[Identity, Site] = {}
        self._places: dict[Identity, dict[tuple[str, int], None]] = {}
        self._functions: dict[Identity, dict[str, None]] = {}
        self._objects: dict[int, Identity] = {}

    def found(self, holders: Callable[[Iterable[str]], tuple[str, ...]] = tuple) -> tuple[Found, ...]:
        """`holders`: from the functions that write a site to those whose code holds it."""
        places, functions = self._places, self._functions
        return tuple(Found(s, tuple(places[i]), holders(functions[i])) for i, s in self._sites.items())

    def writers(self) -> set[str]:
        """The functions that write a site."""
        return {f for functions in self._functions.values() for f in functions}

    def add_all(self, many: tuple[Found, ...]) -> None:
        for one in many:
            identity = self._add(one.site)
            self._places[identity].update(dict.fromkeys(one.places))
            self._functions[identity].update(dict.fromkeys(one.functions))

    def add_drafts(self, context: Context) -> None:
        counts: dict[tuple[object, ...], int] = {}
        for drafts in context.drafts.values():
            for draft in drafts:
                self._finish(draft, context, counts)

    def escaped(self, keys: set[int]) -> None:
        """File-scope objects, by declaration, whose address some function hands on."""
        for key in keys & self._objects.keys():
            identity = self._objects[key]
            site = self._sites[identity]
            self._sites[identity] = replace(site, traits=site.traits | {"escapes"})

    def _add(self, site: Site) -> Identity:
        identity = site_identity(site)
        known = self._sites.setdefault(identity, site)
        self._places.setdefault(identity, {})
        self._functions.setdefault(identity, {})
        self._sites[identity] = joined(known, site)
        return identity

    def _finish(self, draft: Draft, ctx: Context, counts: dict[tuple[object, ...], int]) -> None:
        node = draft.at or draft.node
        handle, line, _, offset = node.place
        if not handle:
            return
        path = self._files.path(handle)
        expansion = None if draft.caller else ctx.expansion(node)
        place = self._definition(draft, ctx, expansion, (path, offset), counts)
        if expansion is not None and place is None and draft.rule.startswith("cast/"):
            # A cast to typeof(x) in a macro such as this_cpu_ptr: the macro does not know the struct.
            return
        if place is not None:
            path, function = place.macro.path, place.macro.name
            lines, text = self._in_definition(place)
        else:
            function = ctx.function
            lines, text = self._in_file(draft, ctx, expansion)
        if not self._files.inside(path):
            text = "(in a file outside of the tree and the build)"
        site = Site(
            rule=draft.rule,
            file=self._files.relative(path),
            line=lines[0],
            column=lines[1],
            end_line=lines[2],
            function=function,
            expression=text,
            provenance=draft.provenance,
            bytes=draft.bytes,
            fields=draft.fields,
            related=draft.related,
            traits=draft.traits | ({"definition"} if place is not None else set()) | _of_path(path),
            guard=draft.guard,
        )
        identity = self._add(site)
        if place is not None:
            self._places[identity][(self._files.relative(self._files.path(handle)), line)] = None
        if ctx.root.kind == K.FUNCTION_DECL:
            self._functions[identity][ctx.function] = None
        elif site.rule == "fabricated/static":
            self._objects[decl_key(ctx.root.cursor)] = identity

    def _definition(
        self,
        draft: Draft,
        ctx: Context,
        expansion: Expansion | None,
        use: tuple[str, int],
        counts: dict[tuple[object, ...], int],
    ) -> Place | None:
        """Where in a macro's definition the draft is written, or None if it is not, or cannot be found there."""
        if expansion is None or not (draft.needle or draft.body):
            return None
        key = (expansion.file, expansion.offset, draft.rule, draft.needle)
        nth = counts.get(key, 0)
        counts[key] = nth + 1
        # Names of members and functions can be pasted together; other tokens that are not found are not written there.
        paste = bool(draft.fields) or draft.rule.startswith("callback/")
        return ctx.unit.expansions.find(expansion.name, draft.needle, nth, paste, use)

    def _in_definition(self, place: Place) -> tuple[tuple[int, int, int], str]:
        """((line, column, last line), the line's text)"""
        source = self._sources.get(place.macro.path)
        line, column = source.line_of(place.lo)
        start = source.text.rfind("\n", 0, place.lo) + 1
        text = one_line(source.text[start : source.text.find("\n", place.hi)].rstrip("\\"))
        return (line, column, source.line_of(place.hi)[0]), text

    def _in_file(self, draft: Draft, ctx: Context, expansion: Expansion | None) -> tuple[tuple[int, int, int], str]:
        handle, line, column, offset = (draft.at or draft.node).place
        source = self._sources.get(self._files.path(handle))
        lo, hi = draft.node.span()
        if expansion is None and draft.at is None and 0 < lo <= offset:
            line, column = source.line_of(lo)
        text = ctx.text(draft.node) if draft.at is None or hi > lo else ctx.text(draft.at)
        if draft.node.kind in _DECLARED:
            # The site is that it is declared here, not its whole body or initialiser.
            return (line, column, line), text.partition("{")[0].strip() if draft.node.kind in _TYPES else text
        return (line, column, max(line, source.line_of(max(hi, lo))[0])), text


def _of_path(path: str) -> frozenset[str]:
    """Exported headers are ABI: include/uapi, arch/*/include/uapi."""
    return frozenset({"uapi"}) if "/uapi/" in path else frozenset()
