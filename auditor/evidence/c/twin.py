# SPDX-License-Identifier: GPL-2.0-only
"""The user-space twin of the target: the copy in the exported headers, kept by hand, that programs compile against."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from clang import cindex

from auditor.arch import Arch
from auditor.evidence.c.api import Api, Cursor, K
from auditor.model import Site


def twins(root: Path, build: Path | None, arch: Arch, struct: str) -> list[Site]:
    """One site per variant of the exported header (x86: 64 and 32 bits) that defines the struct.

    The header is read as user space reads it: exported include directories only, no __KERNEL__.
    """
    if not arch.twin_header or struct != arch.struct:
        return []
    found: dict[tuple[str, int], Site] = {}
    for variant in arch.twin_variants:
        for site in _variant(root, build, arch, struct, variant):
            found.setdefault((site.file, site.line), site)
    return list(found.values())


def _variant(root: Path, build: Path | None, arch: Arch, struct: str, variant: Iterable[str]) -> list[Site]:
    own = f"arch/{arch.directory}/include"
    directories = [root / own / "uapi", root / "include/uapi"]
    if build is not None:
        directories += [build / own / "generated/uapi", build / "include/generated/uapi"]
    arguments = [f"--target={arch.target}", "-nostdinc", "-w", *variant, *(f"-I{d}" for d in directories)]
    name = "twin.c"
    text = f"#include <{arch.twin_header}>\n"
    try:
        tu = cindex.Index.create().parse(name, args=arguments, unsaved_files=[(name, text)])
    except cindex.TranslationUnitLoadError:
        return []
    api = Api()
    found = []
    for cursor in api.children(Cursor.from_buffer_copy(tu.cursor), (K.STRUCT_DECL,)):
        if api.text(api.getCursorSpelling(cursor)) != struct or not api.isCursorDefinition(cursor):
            continue
        handle, line, column, _ = api.place(api.getCursorLocation(cursor))
        path = os.path.normpath(api.text(api.getFileName(handle)))
        size = api.Type_getSizeOf(api.getCursorType(cursor))
        names = tuple(api.text(api.getCursorSpelling(f)) for f in api.children(cursor, (K.FIELD_DECL,)))
        found.append(
            Site(
                rule="uapi-export/user-twin",
                file=os.path.relpath(path, root).replace(os.sep, "/"),
                line=line,
                end_line=line,
                column=column,
                function=struct,
                expression=f"struct {struct} {{ {', '.join(names)} }}",
                bytes=(0, size),
            )
        )
    return found
