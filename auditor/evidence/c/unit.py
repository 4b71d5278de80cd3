# SPDX-License-Identifier: GPL-2.0-only
"""One unit: parse it, pick the declarations that matter, walk them.

Of the unit's own declarations those that can lead to the struct are walked (`leads`), of its headers' those whose text
names it or an interface that yields it. A kernel unit has some 12,000 declarations that it did not write; what a
header's declaration gave is kept for the next unit of the same flavour.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from clang import cindex

from auditor import arch as archs
from auditor import interfaces
from auditor.evidence.c.api import Api, Cursor, K
from auditor.evidence.c.context import Context, Unit
from auditor.evidence.c.files import Files, Hot
from auditor.evidence.c.flow import Flow, Handler
from auditor.evidence.c.leads import Leads
from auditor.evidence.c.macros import Definitions, Expansions
from auditor.evidence.c.nodes import build, release
from auditor.evidence.c.sites import Collector, Found
from auditor.evidence.c.source import Sources
from auditor.evidence.c.types import C, Types
from auditor.layouts.c import layout_from_translation_unit
from auditor.model import Layout

_RECORDS = {K.STRUCT_DECL, K.UNION_DECL}
_NAMED = {*_RECORDS, K.TYPEDEF_DECL}
_WALKED = {*_NAMED, K.ENUM_DECL, K.FUNCTION_DECL, K.VAR_DECL, K.STATIC_ASSERT}
_HELD = {C.OBJECT, C.ARRAY, C.CONTAINER}
_LEADING = {*_HELD, C.POINTER, C.POINTER2, C.CONTAINER_POINTER, C.FUNCTION_POINTER}

# CXTranslationUnit_DetailedPreprocessingRecord: to know which of several definitions of a macro is active.
_OPTIONS = 0x01
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
class Result:
    """`skipped`: {file: ranges of lines that the preprocessor left out}, for files that name the struct.

    `handed_on`: types that hold the object by value and whose object some function hands on as a plain pointer.
    """

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
        self.led: set[tuple[str, int, int]] = set()
        """Declarations whose names are leads already."""
        self.flavours: dict[tuple[str, ...], int] = {}
        self.layouts: dict[tuple[str, int, int], Layout | None] = {}
        self.headers: dict[tuple[object, ...], tuple[Found, ...]] = {}
        self.extents: dict[tuple[object, ...], tuple[str, bool]] = {}
        self._kept: dict[tuple[str, str], tuple[Leads, Hot, Hot]] = {}

    def kept(self, arch_id: str, struct: str) -> tuple[Leads, Hot, Hot]:
        """(names that lead to the struct, where headers write one of the known ones, where files name the struct)"""
        key = (arch_id, struct)
        if key not in self._kept:
            leads = Leads(self.definitions, archs.for_struct(arch_id, struct), struct)
            hot = Hot(self.sources, hot_words(arch_id, struct))
            self._kept[key] = (leads, hot, Hot(self.sources, leads.words))
        return self._kept[key]

    def analyse(self, job: Job) -> Result:
        index = cindex.Index.create()
        try:
            tu = index.parse(job.source, args=list(job.arguments), options=_OPTIONS)
        except cindex.TranslationUnitLoadError:
            return Result(job.object, job.source, error="libclang cannot parse it at all")
        try:
            walk = _Walk(self, job, tu)
            return walk.run(first_error(tu, walk.files))
        finally:
            # The cursors of the walk are raw structs that do not keep the unit alive; none is used from here on.
            del tu


def first_error(tu: cindex.TranslationUnit, files: Files) -> str:
    """The first error, with its place; of a file outside of tree and build no text is quoted."""
    for diagnostic in tu.diagnostics:
        if diagnostic.severity >= _ERROR:
            place = diagnostic.location
            if place.file is None:
                return str(diagnostic.spelling)
            path = files.path(files.handle(place.file))
            message = str(diagnostic.spelling) if files.inside(path) else "an error outside of the tree and the build"
            return f"{files.relative(path)}:{place.line}: {message}"
    return ""


@cache
def hot_words(arch_id: str, struct: str) -> re.Pattern[str]:
    """What makes a header's declaration worth walking."""
    arch = archs.for_struct(arch_id, struct)
    words = {struct, *arch.leading, *arch.words}
    return re.compile("|".join(sorted(map(re.escape, words), key=len, reverse=True)))


_DEFINE = re.compile(r"^[ \t]*#[ \t]*(?:define|undef)[ \t]+(\w+).*(?:\\\n.*)*", re.M)
_WORD = re.compile(r"[A-Za-z_]\w*")
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include\b", re.M)
# Names of the unit, which no header's code looks at; and where files are found, which shows in their paths.
_NOT_OF_FLAVOUR = ("-DKBUILD_", "-D__KBUILD_", "-I", "-isystem", "-iquote", "-idirafter", "-working-directory")


class _Walk:
    """Cursors, paths and sites of one parsed unit."""

    def __init__(self, analyser: Analyser, job: Job, tu: cindex.TranslationUnit) -> None:
        self._a, self._job = analyser, job
        self._api = analyser.api
        self._tu = tu
        self._cursor = Cursor.from_buffer_copy(tu.cursor)
        self.files = Files(analyser.api, tu, job.directory, job.root)
        self._leads, self._hot, self._named = analyser.kept(job.arch, job.struct)
        self._sites = Collector(analyser.sources, self.files)

    def run(self, error: str) -> Result:
        job, files = self._job, self.files
        handles = files.handles()
        paths = tuple(dict.fromkeys(map(files.path, handles)))
        main = files.path(files.main())
        picked, layout = self._pick(main)
        handed_on: tuple[str, ...] = ()
        if layout is not None:
            handed_on = self._walk(picked, layout, paths, main)
        return Result(
            object=job.object,
            source=job.source,
            found=self._sites.found(),
            layout=layout,
            files=tuple(map(files.relative, paths)),
            handed_on=handed_on,
            skipped=files.skipped([h for h in handles if self._hot.is_hot(files.path(h))]),
            error=error,
        )

    def _pick(self, main: str) -> tuple[list[tuple[Cursor, str, int]], Layout | None]:
        """The declarations of the source and of hot headers, each with its path and offset; and the target's layout."""
        api, job, files = self._api, self._job, self.files
        # By path: one file can have several handles, one for each name that it was included by.
        walked: dict[int, str] = {0: ""}
        picked: list[tuple[Cursor, str, int]] = []
        defined = ("", 0)
        cursors = api.declarations(self._cursor, _WALKED)
        for cursor, (handle, offset) in zip(cursors, files.locate_all(cursors), strict=True):
            path = walked.get(handle)
            if path is None:
                path = files.path(handle)
                path = walked[handle] = path if path == main or self._hot.is_hot(path) else ""
            if not path:
                continue
            picked.append((cursor, path, offset))
            if not defined[0] and cursor.kind in _NAMED and api.text(api.getCursorSpelling(cursor)) == job.struct:
                defined = (path, offset) if api.isCursorDefinition(cursor) else defined
        return picked, self._layout(defined, self._flavour(main)) if defined[0] else None

    def _layout(self, place: tuple[str, int], flavour: int) -> Layout | None:
        """The target's layout; the same definition under the same flags has the same."""
        key = (*place, flavour)
        if key not in self._a.layouts:
            layout = layout_from_translation_unit(self._tu, self._job.struct, self._job.arch)
            self._a.layouts[key] = replace(layout, source="libclang") if layout is not None else None
        return self._a.layouts[key]

    def _walk(
        self, picked: list[tuple[Cursor, str, int]], layout: Layout, paths: tuple[str, ...], main: str
    ) -> tuple[str, ...]:
        unit = Unit(
            api=self._api,
            types=Types(self._api, self._job.struct),
            layout=layout,
            arch=archs.for_struct(self._job.arch, self._job.struct),
            interfaces=interfaces.shipped(),
            sources=self._a.sources,
            expansions=Expansions(self._a.definitions, paths, self.files.is_active),
            path_of=self.files.path,
            asm_filled=self._job.asm_filled,
        )
        self._leads.read(paths)
        flavour = self._flavour(main)
        for cursor, path, offset in picked:
            text, named = self._text(cursor, path, offset, self._named if path == main else self._hot)
            if named and (offset < 0 or (path, offset, cursor.kind) not in self._a.led):
                self._a.led.add((path, offset, cursor.kind))
                self._lead(cursor, unit)
            if path != main and named:
                self._header(cursor, unit, text, (flavour, path, offset if offset >= 0 else text))
            elif path == main and (named or self._leads.lead(text)):
                if not named and cursor.kind != K.FUNCTION_DECL:
                    # A type or variable declared by something that leads to the struct leads to it, too.
                    self._lead(cursor, unit)
                self._declaration(cursor, unit, self._sites)
        self._sites.escaped(unit.escaped)
        return tuple(sorted(unit.handed_on))

    def _lead(self, cursor: Cursor, unit: Unit) -> None:
        """The declaration's name leads to the struct; so do members that hold or point to it, or to a function that
        takes it."""
        api = self._api
        if cursor.kind not in _RECORDS:
            self._leads.add(api.text(api.getCursorSpelling(cursor)))
            return
        for member in api.children(cursor, (K.FIELD_DECL,)):
            cls = unit.types.of(member).cls
            spelling = api.text(api.getTypeSpelling(api.getCanonicalType(api.getCursorType(member))))
            if cls in _LEADING or unit.types.mentions_target(spelling):
                self._leads.add_member(api.text(api.getCursorSpelling(member)))
            if cls in _HELD:
                # Only what holds the struct leads to it by its own name, as in sizeof.
                self._leads.add(api.text(api.getCursorSpelling(cursor)))

    def _header(self, cursor: Cursor, unit: Unit, text: str, place: tuple[object, ...]) -> None:
        """A header's declaration is walked once per process and flavour of flags; of prototypes, those that take a
        callback or are a tracepoint's."""
        api = self._api
        name = api.text(api.getCursorSpelling(cursor))
        defined = bool(api.isCursorDefinition(cursor))
        telling = "(*" in text or name.startswith(tuple(unit.interfaces.tracepoint_prefix))
        if cursor.kind == K.FUNCTION_DECL and not defined and not telling:
            return
        meant = self._a.definitions.ambiguous.intersection(_WORD.findall(text))
        macros = tuple(unit.expansions.get(m) for m in sorted(meant))
        key = (*place, cursor.kind, name, defined, macros)
        known = self._a.headers.get(key)
        if known is None or cursor.kind in _RECORDS:
            # A struct is always looked at: whether it holds the target is a fact of this unit's types.
            own = Collector(self._a.sources, self.files)
            self._declaration(cursor, unit, own)
            known = self._a.headers[key] = own.found()
        self._sites.add_all(known)

    def _declaration(self, cursor: Cursor, unit: Unit, into: Collector) -> None:
        root = build(unit, cursor)
        holds = cursor.kind in _RECORDS and any(k.type.cls in _HELD for k in root.kids)
        if holds and root.name and root.name not in unit.types.containers:
            unit.types.containers.add(root.name)
            unit.types.forget()
            release(root)
            root = build(unit, cursor)
        context = Context(unit, root, root.name)
        if cursor.kind == K.FUNCTION_DECL and context.written_name(root) in unit.interfaces.entry_macros:
            context.parameters.update(k.cursor.d0 or 0 for k in root.kids if k.kind == K.PARM_DECL)
        Flow(context, self._a.handlers).run(root)
        into.add_drafts(context)
        release(root)

    def _flavour(self, main: str) -> int:
        """A number for what can make a header's text another one: the flags, and what the source defines before it
        includes anything, of the names that headers ask for.

        What the macros in a declaration mean is part of `_header`'s key: the source's own are among the ambiguous.
        """
        text = self._a.sources.get(main).text
        last = max((m.start() for m in _INCLUDE.finditer(text)), default=0)
        before = list(_DEFINE.finditer(text, 0, last))
        self._a.definitions.ambiguous.update(m.group(1) for m in before)
        defined = (m.group() for m in before if m.group(1) in self._hot.tested)
        own = (a for a in self._job.arguments if not a.startswith(_NOT_OF_FLAVOUR))
        flavour = (*own, *defined, self._job.struct)
        return self._a.flavours.setdefault(flavour, len(self._a.flavours))

    def _text(self, cursor: Cursor, path: str, offset: int, words: Hot) -> tuple[str, bool]:
        """(a declaration's text, whether one of `words` is in it). For a declaration that a macro makes, the text of
        the expansion.

        A declaration whose name stands at the same byte of the same file has the same text in every unit. Those that
        macros make do not: one expansion makes several, with and without a body.
        """
        key = (path, offset, cursor.kind, words)
        known = self._a.extents.get(key) if offset >= 0 else None
        if known is None:
            api = self._api
            extent = api.getCursorExtent(cursor)
            lo, hi = (api.place(end(extent))[3] for end in (api.getRangeStart, api.getRangeEnd))
            source = self._a.sources.get(path)
            hi = max(hi, source.call_end(lo))
            known = self._a.extents[key] = (source.text[lo:hi], words.within(path, lo, hi))
        return known
