# SPDX-License-Identifier: GPL-2.0-only
"""Layout of a struct as the C compiler's own front end computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clang import cindex

from auditor import arch, libclang
from auditor.errors import InputError
from auditor.files import read_bounded
from auditor.layouts.graph import place
from auditor.layouts.near import hint, near
from auditor.layouts.spelling import from_clang
from auditor.model import Field, Layout

MAX_SOURCE = 64 << 20
_RECORDS = (cindex.CursorKind.STRUCT_DECL, cindex.CursorKind.UNION_DECL)
_NAMED = frozenset(k.value for k in (*_RECORDS, cindex.CursorKind.TYPEDEF_DECL))
_BREAK, _CONTINUE = 0, 1  # CXChildVisit_*
_GUARD = "static assertion failed"


def layout_from_translation_unit(tu: Any, struct: str, arch_id: str) -> Layout | None:
    """Layout of `struct NAME`, `union NAME` or typedef NAME at the top of a parsed unit; None: not complete there.

    Only declarations that the unit itself made are seen: with a precompiled header and `excludeDecls` those of the
    header are not among them, so the unit has to be parsed without. Errors of the unit are the caller's to judge.
    """
    record = find_record(tu, struct)
    if record is None or record.get_size() < 0:
        return None
    fields = tuple(_fields(record, 0, record.get_size()))
    return Layout(struct, arch_id, record.get_size(), record.get_align(), fields, tu.spelling)


def layout_from_source(path: str, struct: str, arch_id: str, arguments: Sequence[str] = ()) -> Layout:
    """Parse a C file or header with clang `arguments` and read the struct. Function bodies are skipped.

    Without a `--target` (or `-target`, `-m32`, ...) among the arguments the architecture's own target is used.
    InputError: any error but a failed static assertion, with its file:line (after an error clang goes on with `int`
    in place of the type it does not know, so the layout could not be trusted); no such struct.
    """
    read_bounded(path, MAX_SOURCE)
    libclang.use()
    options = cindex.TranslationUnit.PARSE_SKIP_FUNCTION_BODIES | cindex.TranslationUnit.PARSE_INCOMPLETE
    try:
        tu = cindex.Index.create().parse(path, args=_arguments(arch_id, arguments), options=options)
    except cindex.TranslationUnitLoadError as e:
        raise InputError(path, "cannot be parsed by libclang", "check the arguments after --") from e
    for diagnostic in tu.diagnostics:
        # A failed assertion is a guard on the layout, not an obstacle to reading it.
        if diagnostic.severity >= cindex.Diagnostic.Error and _GUARD not in diagnostic.spelling:
            raise _parse_error(path, diagnostic)
    layout = layout_from_translation_unit(tu, struct, arch_id)
    if layout is None:
        names = (c.spelling for c in tu.cursor.get_children() if c.kind.value in _NAMED and "(" not in c.spelling)
        raise InputError(path, f"no complete definition of struct {struct}", hint(near(struct, names)))
    return layout


def _arguments(arch_id: str, arguments: Sequence[str]) -> list[str]:
    chosen = any(a.startswith(("--target", "-target", "-m32", "-m64", "-mx32")) for a in arguments)
    target = [] if chosen else [f"--target={arch.by_id(arch_id).target}"]
    # -xc first: a header alone would be precompiled instead, and a file with another suffix not read at all.
    return ["-xc", *target, *arguments]


def _parse_error(path: str, diagnostic: Any) -> InputError:
    where = diagnostic.location
    place_of = f"{where.file.name}:{where.line}" if where.file else path
    return InputError(place_of, diagnostic.spelling, "give the flags it is compiled with after --")


def find_record(tu: Any, name: str) -> Any:
    """The canonical type of the record, or None.

    A kernel unit has 12,000 top-level cursors: the callback looks at their kind, a plain integer, and asks libclang
    for the name of types only. It stops at the first one of the name that has a definition.
    """
    found: list[Any] = []

    def visit(cursor: Any, parent: Any, nothing: Any) -> int:
        if cursor._kind_id not in _NAMED:
            return _CONTINUE
        cursor._tu = tu  # the binding's own visitors do this: the cursor must keep its unit alive
        if cursor.spelling != name:
            return _CONTINUE
        record = cursor.type.get_canonical()
        if record.kind is not cindex.TypeKind.RECORD or record.get_size() < 0:
            return _CONTINUE
        found.append(record)
        return _BREAK

    callback = cindex.callbacks["cursor_visit"](visit)
    cindex.conf.lib.clang_visitChildren(tu.cursor, callback, [])
    return found[0] if found else None


def _fields(record: Any, base: int, total: int) -> list[Field]:
    """`base` in bits. An unnamed struct or union gives its members in its place."""
    found: list[Field] = []
    for cursor in record.get_fields():
        bit = base + cursor.get_field_offsetof()
        name = cursor.spelling
        if not name or "(" in name:  # libclang 18 spells it `union s::(anonymous at FILE:1:2)`
            inner = cursor.type.get_canonical()
            if inner.kind is cindex.TypeKind.RECORD:
                found += _fields(inner, bit, total)
            continue
        width = cursor.get_bitfield_width() if cursor.is_bitfield() else 0
        size = max(cursor.type.get_size(), 0)  # a flexible array has no size: libclang says -2
        found.append(place(name, from_clang(cursor.type.spelling), bit, width, size, total))
    return found
