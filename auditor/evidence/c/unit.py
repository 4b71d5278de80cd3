# SPDX-License-Identifier: GPL-2.0-only
"""One unit: parse it, pick the declarations that matter, walk them, turn drafts into sites.

All of the unit's own declarations are walked. Of its headers, those whose text names the struct or something that leads
to it (`hot` words); the text is asked first because a kernel unit has some 12,000 declarations it did not write.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from ctypes import POINTER, c_void_p, cast
from dataclasses import dataclass, field, replace
from functools import cache

from clang import cindex

from auditor import arch as archs
from auditor import interfaces
from auditor.evidence.c.api import Api, Cursor, K, RangeList
from auditor.evidence.c.context import Context, Draft, Unit, decl_key
from auditor.evidence.c.flow import Flow, Handler
from auditor.evidence.c.layout import layout_of
from auditor.evidence.c.leads import Leads
from auditor.evidence.c.macros import Definitions, Expansions
from auditor.evidence.c.nodes import build
from auditor.evidence.c.source import Sources, one_line
from auditor.evidence.c.types import C, Types
from auditor.model import Layout, Site

_WALKED = {
    K.STRUCT_DECL, K.UNION_DECL, K.ENUM_DECL, K.FUNCTION_DECL, K.VAR_DECL, K.TYPEDEF_DECL, K.STATIC_ASSERT,
}  # fmt: skip
_RECORDS = {K.STRUCT_DECL, K.UNION_DECL}
_HELD = {C.OBJECT, C.ARRAY, C.CONTAINER}
_LEADING = {C.OBJECT, C.ARRAY, C.POINTER, C.POINTER2, C.CONTAINER, C.CONTAINER_POINTER, C.FUNCTION_POINTER}
_TYPES = {*_RECORDS, K.ENUM_DECL}
_NAMED = {*_RECORDS, K.TYPEDEF_DECL}

# CXTranslationUnit_DetailedPreprocessingRecord: to know which of several definitions of a macro is active.
_OPTIONS = 0x01
_FATAL = 4
_ERROR = 3


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to analyse one unit. `source` and `directory` are absolute; `root` is the tree."""

    source: str
    object: str
    directory: str
    arguments: tuple[str, ...]
    root: str
    struct: str
    arch: str
    asm_filled: frozenset[str]


@dataclass(frozen=True, slots=True)
class Found:
    """A site, the places where it is used (for a macro: its expansions), the functions of this unit that hold it."""

    site: Site
    places: tuple[tuple[str, int], ...]
    functions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """`skipped`: {file: ranges of lines that the preprocessor left out}, for files that name the struct."""

    object: str
    source: str
    found: tuple[Found, ...] = ()
    layout: Layout | None = None
    files: tuple[str, ...] = ()
    handed_on: tuple[str, ...] = ()
    skipped: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    error: str = ""


class Analyser:
    """Lives as long as its process: file texts, macro definitions and what headers gave are kept between units."""

    def __init__(self, handlers: Mapping[int, Iterable[Handler]]) -> None:
        self.handlers = handlers
        self.api = Api()
        self.sources = Sources()
        self.definitions = Definitions(self.sources)
        self.hot: dict[tuple[str, re.Pattern[str]], bool] = {}
        self.headers: dict[tuple[object, ...], tuple[Found, ...]] = {}
        self._leads: dict[tuple[str, str], Leads] = {}

    def leads(self, arch_id: str, struct: str) -> Leads:
        key = (arch_id, struct)
        if key not in self._leads:
            self._leads[key] = Leads(self.definitions, archs.by_id(arch_id), struct)
        return self._leads[key]

    def analyse(self, job: Job) -> Result:
        index = cindex.Index.create()
        try:
            tu = index.parse(job.source, args=list(job.arguments), options=_OPTIONS)
        except cindex.TranslationUnitLoadError:
            return Result(job.object, job.source, error="libclang cannot parse it at all")
        try:
            return _UnitWalk(self, job, tu).run(first_error(tu))
        finally:
            # The cursors below are raw structs that do not keep the unit alive; nothing may use them from here on.
            del tu


def first_error(tu: cindex.TranslationUnit) -> str:
    for diagnostic in tu.diagnostics:
        if diagnostic.severity >= _ERROR:
            place = diagnostic.location
            where = f"{place.file.name}:{place.line}: " if place.file else ""
            return where + str(diagnostic.spelling)
    return ""


def _handle(file: cindex.File) -> int:
    """The CXFile behind the binding's object: what locations are given in."""
    return cast(file.obj, c_void_p).value or 0


@cache
def hot_words(arch_id: str, struct: str) -> re.Pattern[str]:
    """What makes a header's declaration worth walking."""
    arch = archs.by_id(arch_id)
    words = {struct, *arch.leading}
    if struct == arch.struct:
        words |= set(arch.words)
    return re.compile("|".join(sorted(map(re.escape, words), key=len, reverse=True)))


_FOUND_IN = dict[tuple[object, ...], tuple[Site, dict[tuple[str, int], None], dict[str, None]]]
_DEFINE = re.compile(r"^[ \t]*#[ \t]*(?:define|undef)[ \t]+(\w+)", re.M)
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include\b", re.M)
# Differ from unit to unit and no header's code looks at them.
_NAMES_OF_UNIT = ("-DKBUILD_", "-D__KBUILD_")


class _UnitWalk:
    def __init__(self, analyser: Analyser, job: Job, tu: cindex.TranslationUnit) -> None:
        self._a, self._job = analyser, job
        self._api = analyser.api
        self._cursor = Cursor.from_buffer_copy(tu.cursor)
        self._tu = tu
        self._raw: dict[int, str] = {}
        self._hot_pattern = hot_words(job.arch, job.struct)
        self._found: _FOUND_IN = {}
        self._statics: dict[int, tuple[object, ...]] = {}
        self._handed_on: tuple[str, ...] = ()

    def run(self, error: str) -> Result:
        api, job = self._api, self._job
        handles = self._handles()
        files = tuple(dict.fromkeys(map(self._path, handles)))
        main = self._path(handles[-1]) if handles else ""
        # By path: one file can have several handles, one for each name that it was included by.
        walked: dict[int, bool] = {0: False}
        picked: list[tuple[Cursor, int]] = []
        layout = None
        for cursor in api.children(self._cursor, _WALKED):
            handle = api.place(api.getCursorLocation(cursor))[0]
            if handle not in walked:
                walked[handle] = self._path(handle) == main or self._is_hot(handle)
            if not walked[handle]:
                continue
            picked.append((cursor, handle))
            if layout is None and cursor.kind in _NAMED and api.text(api.getCursorSpelling(cursor)) == job.struct:
                layout = layout_of(api, cursor, job.struct, job.arch)
        if layout is not None:
            self._walk(picked, layout, files, main)
        found = tuple(Found(s, tuple(p), tuple(f)) for s, p, f in self._found.values())
        return Result(
            object=job.object,
            source=job.source,
            found=found,
            layout=layout,
            files=tuple(map(self._relative, files)),
            handed_on=self._handed_on,
            skipped=self._skipped(handles),
            error=error,
        )

    def _walk(self, picked: list[tuple[Cursor, int]], layout: Layout, files: tuple[str, ...], main: str) -> None:
        api, job = self._api, self._job
        unit = Unit(
            api=api,
            types=Types(api, job.struct),
            layout=layout,
            arch=archs.by_id(job.arch),
            interfaces=interfaces.shipped(),
            sources=self._a.sources,
            expansions=Expansions(self._a.definitions, files, self._is_active),
            path_of=self._path,
            asm_filled=job.asm_filled,
        )
        leads = self._a.leads(job.arch, job.struct)
        leads.read(files)
        flavour = self._flavour(main)
        for cursor, handle in picked:
            path = self._path(handle)
            text, lo = self._text(cursor, path)
            if path == main:
                if leads.words.search(text):
                    leads.add(api.text(api.getCursorSpelling(cursor)))
                    self._lead_members(cursor, unit, leads)
                if leads.lead(text):
                    self._declaration(cursor, unit, self._found)
            elif self._hot_pattern.search(text):
                leads.add(api.text(api.getCursorSpelling(cursor)))
                self._lead_members(cursor, unit, leads)
                self._header(cursor, unit, text, (flavour, path, lo))
        for key in unit.escaped & self._statics.keys():
            site, places, functions = self._found[self._statics[key]]
            self._found[self._statics[key]] = (replace(site, traits=site.traits | {"escapes"}), places, functions)
        self._handed_on = tuple(sorted(unit.handed_on))

    def _header(self, cursor: Cursor, unit: Unit, text: str, place: tuple[object, ...]) -> None:
        """A header's declaration is walked once per process and flavour of flags; of prototypes, those that take a
        callback or are a tracepoint's."""
        api = self._api
        name = api.text(api.getCursorSpelling(cursor))
        defined = bool(api.isCursorDefinition(cursor))
        telling = "(*" in text or name.startswith(tuple(unit.interfaces.tracepoint_prefix))
        if cursor.kind == K.FUNCTION_DECL and not defined and not telling:
            return
        key = (*place, cursor.kind, name, defined)
        known = self._a.headers.get(key)
        holds = cursor.kind in _RECORDS
        if known is None or holds:
            # A struct is always looked at: whether it holds the target is a fact of this unit's types.
            own: _FOUND_IN = {}
            self._declaration(cursor, unit, own)
            known = self._a.headers[key] = tuple(Found(s, tuple(p), tuple(f)) for s, p, f in own.values())
        for found in known:
            _, places, functions = self._found.setdefault(site_identity(found.site), (found.site, {}, {}))
            places.update(dict.fromkeys(found.places))
            functions.update(dict.fromkeys(found.functions))

    def _flavour(self, main: str) -> tuple[str, ...]:
        """What can make the same header's code differ: the -D flags, and what the source defines before including."""
        text = self._a.sources.get(main).text
        last = max((m.start() for m in _INCLUDE.finditer(text)), default=0)
        defined = (m.group(1) for m in _DEFINE.finditer(text, 0, last))
        flags = (
            a for a in self._job.arguments if a.startswith(("-D", "-U", "-m")) and not a.startswith(_NAMES_OF_UNIT)
        )
        return tuple(sorted({*flags, *defined, self._job.struct}))

    def _lead_members(self, cursor: Cursor, unit: Unit, leads: Leads) -> None:
        """Members that hold or point to the struct, or to a function that takes it."""
        if cursor.kind in _RECORDS:
            for member in self._api.children(cursor, (K.FIELD_DECL,)):
                if unit.types.of(member).cls in _LEADING:
                    leads.add(self._api.text(self._api.getCursorSpelling(member)))

    # Which declarations

    def _handles(self) -> list[int]:
        handles: dict[int, None] = {}
        for include in self._tu.get_includes():
            handle = c_void_p.from_buffer_copy(
                include.include.obj if hasattr(include.include, "obj") else include.include
            )
            handles[handle.value or 0] = None
        main = self._tu.get_file(self._job.source)
        handles[c_void_p.from_buffer_copy(main.obj if hasattr(main, "obj") else main).value or 0] = None
        handles.pop(0, None)
        return list(handles)

    def _path(self, handle: int) -> str:
        path = self._raw.get(handle)
        if path is None:
            name = self._api.text(self._api.getFileName(handle)) if handle else ""
            path = self._raw[handle] = os.path.normpath(os.path.join(self._job.directory, name)) if name else ""
        return path

    def _relative(self, path: str) -> str:
        root = self._job.root.rstrip("/") + "/"
        return path.removeprefix(root) if path.startswith(root) else path

    def _is_hot(self, handle: int) -> bool:
        key = (self._path(handle), self._hot_pattern)
        known = self._a.hot.get(key)
        if known is None:
            text = self._a.sources.get(key[0]).text if key[0] else ""
            known = self._a.hot[key] = self._hot_pattern.search(text) is not None
        return known

    def _text(self, cursor: Cursor, path: str) -> tuple[str, int]:
        """A declaration's text; for one that a macro makes, the text of the expansion. And where it starts."""
        api = self._api
        extent = api.getCursorExtent(cursor)
        lo = api.place(api.getRangeStart(extent))[3]
        hi = api.place(api.getRangeEnd(extent))[3]
        source = self._a.sources.get(path)
        return source.text[lo : max(hi, source.call_end(lo))], lo

    def _is_active(self, path: str, offset: int) -> bool:
        file = cindex.File.from_name(self._tu, path)
        location = cindex.SourceLocation.from_offset(self._tu, file, offset)
        return bool(cindex.Cursor.from_location(self._tu, location)._kind_id == K.MACRO_DEFINITION)

    def _skipped(self, handles: list[int]) -> dict[str, tuple[tuple[int, int], ...]]:
        lib = cindex.conf.lib
        function = lib["clang_getSkippedRanges"]
        function.argtypes, function.restype = [c_void_p, c_void_p], POINTER(RangeList)
        skipped: dict[str, tuple[tuple[int, int], ...]] = {}
        for handle in handles:
            if not self._is_hot(handle):
                continue
            ranges = function(self._tu.obj, handle)
            if not ranges:
                continue
            lines = []
            for i in range(ranges.contents.count):
                r = ranges.contents.ranges[i]
                lines.append((self._line(self._api.getRangeStart(r)), self._line(self._api.getRangeEnd(r))))
            self._api.disposeSourceRangeList(ranges)
            if lines:
                skipped[self._relative(self._path(handle))] = tuple(lines)
        return skipped

    def _line(self, location: object) -> int:
        return self._api.place(location)[1]  # type: ignore[arg-type]

    # Walking

    def _declaration(self, cursor: Cursor, unit: Unit, into: _FOUND_IN) -> None:
        root = build(unit, cursor)
        name = root.name
        holds = cursor.kind in _RECORDS and any(k.type.cls in _HELD for k in root.kids)
        if holds and name and name not in unit.types.containers:
            unit.types.containers.add(name)
            unit.types.forget()
            root = build(unit, cursor)
        context = Context(unit, root, name)
        if cursor.kind == K.FUNCTION_DECL and context.written_name(root) in unit.interfaces.entry_macros:
            context.parameters.update(k.cursor.d0 or 0 for k in root.kids if k.kind == K.PARM_DECL)
        Flow(context, self._a.handlers).run(root)
        counts: dict[tuple[object, ...], int] = {}
        for drafts in context.drafts.values():
            for draft in drafts:
                self._finish(draft, context, counts, into)

    def _finish(self, draft: Draft, ctx: Context, counts: dict[tuple[object, ...], int], into: _FOUND_IN) -> None:
        node = draft.at or draft.node
        handle, line, column, offset = node.place
        if not handle:
            return
        path, function = self._path(handle), ctx.function
        end_line, text = line, ""
        used = (self._relative(path), line)
        expansion = None if draft.caller else ctx.expansion(node)
        place = None
        if expansion is not None and (draft.needle or draft.body):
            key = (expansion.file, expansion.offset, draft.rule, draft.needle)
            paste = not draft.rule.startswith("cast/")
            place = ctx.unit.expansions.find(expansion.name, draft.needle, counts.get(key, 0), paste, (path, offset))
            counts[key] = counts.get(key, 0) + 1
        if expansion is not None and place is None and draft.rule.startswith("cast/"):
            # A cast to typeof(x) in a macro such as this_cpu_ptr: the macro does not know the struct.
            return
        if place is not None:
            source = self._a.sources.get(place.macro.path)
            path, function = place.macro.path, place.macro.name
            line, column = source.line_of(place.lo)
            end_line = source.line_of(place.hi)[0]
            start = source.text.rfind("\n", 0, place.lo) + 1
            text = one_line(source.text[start : source.text.find("\n", place.hi)].rstrip("\\"))
        else:
            source = self._a.sources.get(path)
            lo, hi = draft.node.span()
            if expansion is None and draft.at is None and 0 < lo <= offset:
                line, column = source.line_of(lo)
            text = ctx.text(draft.node) if draft.at is None or hi > lo else ctx.text(draft.at)
            end_line = max(line, source.line_of(max(hi, lo))[0])
            if draft.node.kind in _TYPES:
                # The site is that the type is declared here, not its whole body.
                text, end_line = text.partition("{")[0].strip(), line
        site = Site(
            rule=draft.rule,
            file=self._relative(path),
            line=line,
            end_line=end_line,
            column=column,
            function=function,
            expression=text,
            provenance=draft.provenance,
            bytes=draft.bytes,
            fields=draft.fields,
            related=draft.related,
            traits=draft.traits | ({"definition"} if place is not None else set()) | _of_path(path),
            guard=draft.guard,
        )
        _, places, functions = into.setdefault(site_identity(site), (site, {}, {}))
        if place is not None:
            places[used] = None
            known = into[site_identity(site)]
            if not set(site.fields) <= set(known[0].fields):
                # One place in a macro's definition stands for every member that its uses name.
                fields = tuple(dict.fromkeys((*known[0].fields, *site.fields)))
                into[site_identity(site)] = (replace(known[0], fields=fields, bytes=None), *known[1:])
        if ctx.root.kind == K.FUNCTION_DECL:
            functions[ctx.function] = None
        elif site.rule == "fabricated/static":
            self._statics[decl_key(ctx.root.cursor)] = site_identity(site)


def _of_path(path: str) -> frozenset[str]:
    """Exported headers are ABI: include/uapi, arch/*/include/uapi."""
    return frozenset({"uapi"}) if "/uapi/" in path else frozenset()


def site_identity(site: Site) -> tuple[object, ...]:
    fields = () if "definition" in site.traits else site.fields
    return (site.rule, site.file, site.line, site.column, fields)
