# SPDX-License-Identifier: GPL-2.0-only
"""The target's layout as one parsed unit sees it: cheap enough to be asked in every unit."""

from __future__ import annotations

from auditor.evidence.c.api import Api, Cursor, K
from auditor.model import Field, Layout


def layout_of(api: Api, cursor: Cursor, struct: str, arch: str) -> Layout | None:
    """None for a forward declaration."""
    kind = api.getCursorType(cursor)
    size = api.Type_getSizeOf(kind)
    if size < 0:
        return None
    declaration = api.getTypeDeclaration(api.getCanonicalType(kind))
    fields = tuple(_fields(api, declaration))
    if not fields:
        return None
    return Layout(struct, arch, size, max(api.Type_getAlignOf(kind), 1), fields, "libclang")


def _fields(api: Api, record: Cursor) -> list[Field]:
    """Members in order; those of anonymous structs and unions are listed flat."""
    found: list[Field] = []
    for cursor in api.children(record, (K.FIELD_DECL, K.STRUCT_DECL, K.UNION_DECL)):
        if cursor.kind != K.FIELD_DECL:
            if api.Cursor_isAnonymousRecordDecl(cursor):
                found += _fields(api, cursor)
            continue
        kind = api.getCursorType(cursor)
        bits, width = api.Cursor_getOffsetOfField(cursor), api.getFieldDeclBitWidth(cursor)
        name, text = api.text(api.getCursorSpelling(cursor)), api.text(api.getTypeSpelling(kind))
        size = max(api.Type_getSizeOf(kind), 0)
        if width >= 0:
            found.append(Field(name, text, bits // 8, size, bits % 8, width))
        else:
            found.append(Field(name, text, bits // 8, size))
    return found
