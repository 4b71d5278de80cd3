# SPDX-License-Identifier: GPL-2.0-only
"""One parsed unit: pick the declarations that matter, walk them.

Of the unit's own declarations those that can lead to the struct are walked (`leads`), of its headers' those whose text
names it or an interface that yields it. A kernel unit has some 12,000 declarations that it did not write; what a
header's declaration gave is kept for the next unit of the same flavour.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from clang import cindex

from auditor import arch as archs
from auditor import interfaces
from auditor.evidence.c.agreement import disagreement
from auditor.evidence.c.api import Cursor, K
from auditor.evidence.c.callers import look_at_callers, note
from auditor.evidence.c.calls import Calls
from auditor.evidence.c.context import NOTHING, Context, Said, Unit
from auditor.evidence.c.files import Files, Hot
from auditor.evidence.c.flow import Flow
from auditor.evidence.c.job import UNITS_NAMES, Job, Result
from auditor.evidence.c.macros import Expansions
from auditor.evidence.c.memory import Given, Memory, Pattern, Shared
from auditor.evidence.c.nodes import Node, build, release
from auditor.evidence.c.sites import Collector
from auditor.evidence.c.types import C, Types
from auditor.kernel.flags import DIRECTORIES
from auditor.kernel.includes import directives
from auditor.layouts.c import layout_from_translation_unit
from auditor.model import Layout

Place = tuple[str, int, int, int | str]
"""(file, variant of it, flavour, offset of a declaration's name or the text of the macro that makes it)"""

_TYPED = {
    K.TYPE_REF,
    K.DECL_REF_EXPR,
    K.MEMBER_REF_EXPR,
    K.VAR_DECL,
    K.PARM_DECL,
    K.CSTYLE_CAST_EXPR,
    K.CALL_EXPR,
    K.SIZEOF_EXPR,
}
_REFERRING = {K.TYPE_REF, K.DECL_REF_EXPR, K.MEMBER_REF_EXPR}
_NO_LEAVES: frozenset[int] = frozenset()
_CODE = {K.FUNCTION_DECL, K.VAR_DECL}
_RECORDS = {K.STRUCT_DECL, K.UNION_DECL}
_NAMED = {*_RECORDS, K.TYPEDEF_DECL}
_WALKED = {*_NAMED, K.ENUM_DECL, K.FUNCTION_DECL, K.VAR_DECL, K.STATIC_ASSERT}
_HELD = {C.OBJECT, C.ARRAY, C.CONTAINER}
_LEADING = {*_HELD, C.POINTER, C.POINTER2, C.CONTAINER_POINTER, C.FUNCTION_POINTER}
_CONCERNED = {*_LEADING, C.FUNCTION}


_WORD = re.compile(r"[A-Za-z_]\w*")
# Where files are found shows in their paths.
_NOT_OF_FLAVOUR = (*UNITS_NAMES, *DIRECTORIES, "-working-directory")


class Walk:
    """Cursors, paths and sites of one parsed unit."""

    def __init__(self, memory: Memory, job: Job, tu: cindex.TranslationUnit, shared: Shared | None) -> None:
        self._memory, self._job, self._shared = memory, job, shared
        self._api = memory.api
        self._tu = tu
        self._cursor = Cursor.from_buffer_copy(tu.cursor)
        self.files = Files(memory.api, tu, job.directory, job.root, memory.sources.size)
        self._leads, self._hot, self._named = memory.kept(job.arch, job.struct)
        self._sites = Collector(memory.sources, self.files)
        self._handles = self.files.handles()
        self.times = Counter[str]()
        """{file: how often it was read}"""
        self._by_path: dict[str, int] = {}
        for handle, times in self._handles.items():
            self.times[self.files.path(handle)] += times
            self._by_path[self.files.path(handle)] = handle
        self._read_before: Mapping[str, None] = {}
        self.disagreement = ""
        """Why what is shared says nothing of this unit."""
        if shared is not None:
            record = self.files.record(self._cursor, shared.headers.concerns)
            self._read_before = shared.reached(f for many in record.included.values() for f in many)
            own = {h: n for h, n in self._handles.items() if self.files.path(h) in shared.times}
            left_out = self.files.skipped(own)
            again = {p: left_out.get(self.files.relative(p), ()) for p in map(self.files.path, own)}
            self.disagreement = disagreement(shared.headers, record, again, self.left_out)
        self._variants: dict[str, int] = {}
        self._first: dict[str, str] = {}
        """The first argument of what a macro makes declarations of; empty if the arguments lead to the struct."""
        first, *others = self.times or ("",)
        self.paths = tuple(dict.fromkeys((first, *self._read_before, *others)))
        """Every file that was read, absolute, the source first."""
        self._flavour = 0
        self.given: list[tuple[str, Given]] = []
        """(header, what a declaration in it gave)"""
        self.containers: set[str] = set()

    def run(self, error: str) -> Result:
        job, files, shared = self._job, self.files, self._shared
        main = files.path(files.main())
        self._flavour = self._flavour_of(main)
        picked, layout = self._pick(main)
        layout = layout or (shared.layout if shared else None)
        unit = self._walk(picked, layout, main) if layout is not None else None
        calls = Calls(unit.functions.values(), main, unit.known.addressed) if unit else Calls((), main)
        return Result(
            object=job.object,
            source=job.source,
            found=self._sites.found(calls.holders),
            layout=layout,
            files=tuple(map(files.relative, self.paths)),
            handed_on=tuple(sorted(unit.known.handed_on)) if unit else (),
            skipped=self.skipped(),
            error=error,
        )

    def variants(self) -> Mapping[str, int]:
        """Of every file that matters; see `_variant`."""
        return {path: self._variant(path) for path in self.times if self._is_hot(path)}

    def left_out(self, path: str) -> Sequence[tuple[int, int]]:
        """As `Files` has it; of what was read several times, or not by this unit, nothing is known."""
        handle = self._by_path[path] if self.times[path] == 1 else 0
        return self.files.left_out(handle) if handle else ()

    def _variant(self, path: str) -> int:
        """A number for what conditionals leave out of a file: the text of its declarations is what is left."""
        known = self._variants.get(path)
        if known is None:
            before = self._shared.variants if self._shared is not None and path not in self.times else {}
            key = (path, self.times[path], *self.left_out(path))
            known = before.get(path) or self._memory.variants.setdefault(key, len(self._memory.variants) + 1)
            self._variants[path] = known
        return known

    def skipped(self) -> Mapping[str, tuple[tuple[int, int], ...]]:
        """As in `Result`."""
        files, shared = self.files, self._shared
        hot = [h for h in self._handles if self._hot.is_hot(files.path(h))]
        before = shared.times if shared else {}
        own = files.skipped({h: self._handles[h] + before.get(files.path(h), 0) for h in hot})
        if shared is None:
            return own
        once = (files.relative(f) for f in self._read_before if f not in self.times)
        return {**{f: shared.skipped[f] for f in once if f in shared.skipped}, **own}

    def _is_active(self, path: str, offset: int) -> bool:
        if path in self.times and self.files.is_active(path, offset):
            return True
        return self._shared is not None and offset in self._shared.macros.get(path, ())

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
                path = walked[handle] = path if path == main or self._is_hot(path) else ""
            if not path:
                continue
            picked.append((cursor, path, offset))
            if not defined[0] and cursor.kind in _NAMED and api.text(api.getCursorSpelling(cursor)) == job.struct:
                defined = (path, offset) if api.isCursorDefinition(cursor) else defined
        return picked, self._layout(defined) if defined[0] else None

    def _is_hot(self, path: str) -> bool:
        return self._hot.is_hot(path) or path in self._memory.leading.headers

    def _layout(self, place: tuple[str, int]) -> Layout | None:
        """The target's layout; the same definition under the same flags has the same, if the same is left out of it."""
        key = (*place, self._variant(place[0]), self._flavour)
        if key not in self._memory.layouts:
            layout = layout_from_translation_unit(self._tu, self._job.struct, self._job.arch)
            self._memory.layouts[key] = replace(layout, source="libclang") if layout is not None else None
        return self._memory.layouts[key]

    def _walk(self, picked: list[tuple[Cursor, str, int]], layout: Layout, main: str) -> Unit:
        unit = Unit(
            api=self._api,
            types=Types(self._api, self._job.struct),
            layout=layout,
            arch=archs.for_struct(self._job.arch, self._job.struct),
            interfaces=interfaces.shipped(),
            sources=self._memory.sources,
            expansions=Expansions(self._memory.definitions, self.paths, self._is_active),
            path_of=self.files.path,
            asm_filled=self._job.asm_filled,
        )
        self._leads.begin(main, self.paths)
        if self._shared is not None:
            unit.types.containers |= self._shared.containers
            for given in (g for f, g in self._shared.given if f in self._read_before):
                self._take(given, unit)
        left: list[tuple[Cursor, str]] = []
        for cursor, path, offset in picked:
            text, named = self._text(cursor, path, offset, self._named if path == main else self._hot)
            place = (path, self._variant(path), self._flavour, offset if offset >= 0 else text)
            if named and (path == main or offset < 0 or (*place, cursor.kind) not in self._memory.led):
                self._memory.led.add((*place, cursor.kind))
                self._lead(cursor, unit, path == main)
            if path != main and named:
                self._header(cursor, unit, text, place)
            elif path == main and (named or self._leads.lead(text)):
                if not named and cursor.kind != K.FUNCTION_DECL:
                    # A type or variable declared by something that leads to the struct leads to it, too.
                    self._lead(cursor, unit, own=True)
                self._declaration(cursor, unit, self._sites, text if offset >= 0 else "")
            elif not path.endswith(".h") and cursor.kind == K.FUNCTION_DECL and self._api.isCursorDefinition(cursor):
                left.append((cursor, text if offset >= 0 else ""))
        self._sites.escaped(unit.escaped)
        look_at_callers(left, self._sites.writers(), unit, self._leads.writers)
        self.containers = unit.types.containers
        return unit

    def _touches(self, cursor: Cursor, unit: Unit, place: Place, pattern: Pattern | None) -> bool:
        """Whether what a macro makes has to do with the struct. One TRACE_EVENT makes eight functions, of which one
        does, and several variables; to say so takes a tenth of a walk."""
        if isinstance(place[-1], int):
            return True
        known = self._memory.touching.get(pattern) if pattern is not None else None
        if known is None:
            known = self._is_concerned(cursor, unit)
            if pattern is not None:
                self._memory.touching[pattern] = known
        return known

    def _is_concerned(self, cursor: Cursor, unit: Unit) -> bool:
        if unit.types.of(cursor).cls in _CONCERNED:
            return True
        names = self._memory.leading.names
        for child, _ in self._api.descendants(cursor, _NO_LEAVES):
            if child.kind in _TYPED and unit.types.of(child).cls in _CONCERNED:
                return True
            if child.kind == K.DECL_REF_EXPR and self._api.text(self._api.getCursorSpelling(child)) in names:
                return True
        return False

    def _lead(self, cursor: Cursor, unit: Unit, own: bool) -> None:
        """The declaration's name leads to the struct; so do members that hold or point to it, or to a function that
        takes it. `own`: it is the source's."""
        api = self._api
        if cursor.kind not in _RECORDS:
            self._leads.add(api.text(api.getCursorSpelling(cursor)), own)
            return
        for member in api.children(cursor, (K.FIELD_DECL,)):
            cls = unit.types.of(member).cls
            spelling = api.text(api.getTypeSpelling(api.getCanonicalType(api.getCursorType(member))))
            if cls in _LEADING or unit.types.mentions_target(spelling):
                self._leads.add_member(api.text(api.getCursorSpelling(member)), own)
            if cls in _HELD:
                # Only what holds the struct leads to it by its own name, as in sizeof.
                self._leads.add(api.text(api.getCursorSpelling(cursor)), own)

    def _take(self, given: Given, unit: Unit) -> None:
        self._sites.add_all(given.found)
        unit.say(given.said)
        unit.functions.update((f.name, f) for f in given.functions)

    def _header(self, cursor: Cursor, unit: Unit, text: str, place: Place) -> None:
        """A header's declaration is walked once per process and flavour of flags; of prototypes, those that take a
        callback or are a tracepoint's."""
        api = self._api
        name = api.text(api.getCursorSpelling(cursor))
        defined = bool(api.isCursorDefinition(cursor))
        telling = "(*" in text or name.startswith(tuple(unit.interfaces.tracepoint_prefix))
        pattern = self._pattern(cursor, name, text, place, unit)
        if (
            cursor.kind == K.FUNCTION_DECL
            and not telling
            and not (defined and self._touches(cursor, unit, place, pattern))
        ):
            return
        if cursor.kind == K.VAR_DECL and not self._touches(cursor, unit, place, pattern):
            return
        meant = self._memory.definitions.ambiguous.intersection(_WORD.findall(text))
        macros = tuple(unit.expansions.get(m) for m in sorted(meant))
        several = self._memory.headers.setdefault((*place, cursor.kind, name, defined, macros), [])
        known = next((g for g in several if all(self._variant(p) == v for p, v in g.needs)), None)
        # A struct is always looked at: whether it holds the target is a fact of this unit's types.
        if known is None or cursor.kind in _RECORDS:
            known = self._given(cursor, unit, text, place, pattern)
            several[:] = [g for g in several if g.needs != known.needs] + [known]
        self.given.append((place[0], known))
        self._take(known, unit)

    def _given(self, cursor: Cursor, unit: Unit, text: str, place: Place, pattern: Pattern | None) -> Given:
        own = Collector(self._memory.sources, self.files)
        said, unit.said = unit.said, NOTHING
        functions, unit.functions = unit.functions, {}
        used: frozenset[str] = frozenset()
        if pattern not in self._memory.plain or cursor.kind in _RECORDS:
            used = self._declaration(cursor, unit, own, text if isinstance(place[-1], int) else "")
        elif cursor.kind == K.FUNCTION_DECL:
            note(cursor, "", self._api.references(cursor), unit)
        needs = frozenset((p, self._variant(p)) for p in used - {place[0]})
        given = Given(own.found(), unit.said, tuple(unit.functions.values()), needs)
        unit.said, unit.functions = said, functions
        if pattern is not None and not given.found and given.said == NOTHING:
            self._memory.plain.add(pattern)
        return given

    def _pattern(self, cursor: Cursor, name: str, text: str, place: Place, unit: Unit) -> Pattern | None:
        """What a macro makes of arguments that do not lead to the struct, named by the first of them: if one such
        declaration holds no site, none does. None where they may, or for what no macro makes."""
        if isinstance(place[-1], int):
            return None
        if text not in self._first:
            _, _, arguments = text.partition("(")
            first = _WORD.search(arguments)
            self._first[text] = first.group() if first and not self._leads.lead(arguments) else ""
        if not (argument := self._first[text]):
            return None
        macro = text.partition("(")[0]
        return cursor.kind, macro, unit.expansions.get(macro), name.replace(argument, "("), place[1:3]

    def _declaration(self, cursor: Cursor, unit: Unit, into: Collector, text: str) -> frozenset[str]:
        """Of a header's, the files whose declarations it uses; its own source's is walked once."""
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
        Flow(context, self._memory.handlers).run(root)
        into.add_drafts(context)
        named = [n for n in root.walk() if n.kind == K.DECL_REF_EXPR] if cursor.kind in _CODE else []
        addressed = (n.name for n in named if not n.is_called() and n.referenced.kind == K.FUNCTION_DECL)
        unit.say(Said(addressed=frozenset(addressed)))
        if cursor.kind == K.FUNCTION_DECL:
            note(cursor, text, [n.cursor for n in named], unit)
        used = self._used(root) if into is not self._sites else frozenset()
        release(root)
        return used

    def _used(self, root: Node) -> frozenset[str]:
        """The files that matter and declare what is used here: what they are in another unit makes it another one."""
        api, files = self._api, self.files
        used = (n.referenced for n in root.walk() if n.kind in _REFERRING)
        handles = {api.place(api.getCursorLocation(cursor))[0] for cursor in used}
        return frozenset(path for path in map(files.path, handles) if path and self._is_hot(path))

    def _flavour_of(self, main: str) -> int:
        """A number for the flags. What else makes a header's text another one is what its conditionals leave out, and
        what the macros in a declaration mean: the source's own are among the ambiguous."""
        before = directives(self._memory.sources.get(main).text).before
        self._memory.definitions.ambiguous.update(name for name, _ in before)
        own = (a for a in self._job.arguments if not a.startswith(_NOT_OF_FLAVOUR))
        flavour = (*own, self._job.struct)
        return self._memory.flavours.setdefault(flavour, len(self._memory.flavours))

    def _text(self, cursor: Cursor, path: str, offset: int, words: Hot) -> tuple[str, bool]:
        """(a declaration's text, whether one of `words` is in it). For a declaration that a macro makes, the text of
        the expansion.

        A declaration whose name stands at the same byte of the same file has the same text in every unit. Those that
        macros make do not: one expansion makes several, with and without a body.
        """
        key = (path, offset, cursor.kind, words)
        known = self._memory.extents.get(key) if offset >= 0 else None
        if known is None:
            api = self._api
            extent = api.getCursorExtent(cursor)
            lo, hi = (api.place(end(extent))[3] for end in (api.getRangeStart, api.getRangeEnd))
            source = self._memory.sources.get(path)
            hi = max(hi, source.call_end(lo))
            text = source.text[lo:hi]
            leads = words is self._hot and not self._memory.leading.names.isdisjoint(_WORD.findall(text))
            known = self._memory.extents[key] = (text, leads or words.within(path, lo, hi))
        return known
