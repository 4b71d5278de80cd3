# SPDX-License-Identifier: GPL-2.0-only
"""The struct's layout in a version of the tree, from the text of the header that defines it and nothing else.

Without a build nobody knows what a header includes, so that it is left out: the basic integer types stand for it. A
definition that needs more than these is not guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from auditor import libclang
from auditor.arch import Arch
from auditor.change.surroundings import Side
from auditor.data import minikernel_dir
from auditor.errors import InputError
from auditor.model import Layout

_INCLUDE = re.compile(rb"^[ \t]*#[ \t]*include\b[^\n]*", re.M)
_CONFIG = re.compile(rb"\bCONFIG_\w+")
_WIDTHS = {"8": "char", "16": "short", "32": "int", "64": "long long"}
_TYPES = "".join(
    f"typedef {sign} {c} {prefix}{letter}{bits}; "
    for bits, c in _WIDTHS.items()
    for letter, sign in (("u", "unsigned"), ("s", "signed"))
    for prefix in ("", "__")
)
_NAME = "struct.h"


def defines(data: bytes, struct: str) -> bool:
    return re.search(rb"\bstruct\s+" + re.escape(struct.encode()) + rb"\s*\{", data) is not None


def header_of(struct: str, arch: Arch) -> str:
    """Where the architecture's struct is defined; empty for another one."""
    return f"arch/{arch.directory}/include/{arch.twin_header}" if struct == arch.struct else ""


def layouts_of(side: Side, struct: str, arch: Arch, among: Mapping[str, bytes]) -> tuple[Layout, ...]:
    """With every configuration option off that the header asks for, and with all of them on; none: it is not there.

    From `among` (files of the change, in this version), else from where the tree defines it. InputError: it is there,
    and cannot be read.
    """
    place = header_of(struct, arch)
    found = {p: d for p, d in among.items() if p.endswith(".h") and p != place and not place and defines(d, struct)}
    if place:
        data = among.get(place) or side.read([place]).get(place, b"")
        found = {place: data} if defines(data, struct) else {}
    if not found:
        found = {} if place else _searched(side, struct)
    for path, data in sorted(found.items()):
        options = sorted({m.decode() for m in _CONFIG.findall(data)})
        return tuple(layout_in(path, data, struct, arch, on) for on in ((), options)[: 2 if options else 1])
    return ()


def shipped_layout(struct: str, arch: Arch) -> Layout | None:
    """Of the tree that comes with the tool: for a repository that does not hold the kernel's headers."""
    place = header_of(struct, arch)
    path = minikernel_dir() / place if place else Path()
    return layout_in(place, path.read_bytes(), struct, arch) if place and path.is_file() else None


def layout_in(path: str, data: bytes, struct: str, arch: Arch, on: Sequence[str] = ()) -> Layout:
    """`on`: configuration options that are set. InputError: the definition needs what the header includes."""
    from clang import cindex

    from auditor.layouts.c import layout_from_translation_unit

    libclang.use()
    text = _TYPES.encode() + b"\n" + _INCLUDE.sub(b"", data)
    arguments = ["-xc", f"--target={arch.target}", "-nostdinc", "-D__KERNEL__", "-w", "-ferror-limit=0"]
    arguments += (f"-D{name}=1" for name in on)
    options = cindex.TranslationUnit.PARSE_SKIP_FUNCTION_BODIES | cindex.TranslationUnit.PARSE_INCOMPLETE
    try:
        tu = cindex.Index.create().parse(_NAME, args=arguments, unsaved_files=[(_NAME, text)], options=options)
    except cindex.TranslationUnitLoadError as e:
        raise InputError(path, "cannot be parsed by libclang") from e
    lines = _lines(tu, struct)
    for diagnostic in tu.diagnostics:
        if diagnostic.severity >= cindex.Diagnostic.Error and diagnostic.location.line in lines:
            raise InputError(f"{path}:{diagnostic.location.line - 1}", diagnostic.spelling, "give --build, which knows")
    layout = layout_from_translation_unit(tu, struct, arch.id)
    if layout is None:
        raise InputError(path, f"struct {struct} cannot be read from this header alone", "give --build, which knows")
    if struct == arch.struct and layout.get(arch.instruction_pointer) is None:
        raise InputError(path, f"struct {struct} has no member {arch.instruction_pointer} in this header")
    return layout


def _lines(tu: object, struct: str) -> range:
    """Those of the definition that the preprocessor left."""
    for cursor in tu.cursor.get_children():  # type: ignore[attr-defined]
        if cursor.spelling == struct and cursor.is_definition():
            return range(cursor.extent.start.line, cursor.extent.end.line + 1)
    return range(0)


def _searched(side: Side, struct: str) -> dict[str, bytes]:
    """The first header of the tree that defines the struct, by name."""
    pattern = rf"^struct[[:space:]]+{re.escape(struct)}[[:space:]]*\{{"
    version = [side.name] if side.name else ["--cached"]
    answer = side.repository.ask("grep", "-l", "-z", "-I", "-E", "-e", pattern, *version, "--")
    prefix = f"{side.name}:" if side.name else ""
    names = [n.decode("utf-8", "surrogateescape").removeprefix(prefix) for n in answer.out.split(b"\0") if n]
    headers = sorted(n.removeprefix(side.prefix) for n in names if n.startswith(side.prefix) and n.endswith(".h"))
    return side.read(headers[:1])
