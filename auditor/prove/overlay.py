# SPDX-License-Identifier: GPL-2.0-only
"""The header of a change: a copy as it is and a changed one, each in a directory to be searched before all others.

The tree is not touched. Both sides are compiled with a copy, so that nothing but the change differs; the directories
have paths of one length, and a map makes `__FILE__` equal.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clang import cindex

from auditor import libclang
from auditor.arch import Arch
from auditor.errors import InputError, UsageError
from auditor.files import read_bounded
from auditor.kernel.flags import clang_arguments
from auditor.kernel.units import source_path
from auditor.layouts.c import find_record, layout_from_source, layout_from_translation_unit
from auditor.layouts.effects import apply
from auditor.model import Layout, Proposal, Unit
from auditor.prove.edits import Edit, Statement, edited, end_of_statement, struct_edits
from auditor.prove.flags import include_directories

_LARGEST = 16 << 20
_TRIED = 40
"""Units that are asked for the definition before it is said that there is none."""
_FIELD = cindex.CursorKind.FIELD_DECL
_AGGREGATES = (cindex.CursorKind.STRUCT_DECL, cindex.CursorKind.UNION_DECL)
_COMPILED = frozenset({"insert", "remove", "resize", "reorder", "frame-above"})


@dataclass(frozen=True, slots=True)
class Overlay:
    """`before` and `after`: the directories. `header`: the file that they replace, as a real path."""

    header: str
    before: Path
    after: Path

    @property
    def flags(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What each side's command starts with. Includes that the header makes relative to itself still work."""
        beside = os.path.dirname(self.header)
        before, after = ((f"-I{d}", f"-fmacro-prefix-map={d}/=") for d in (self.before, self.after))
        return (*before, "-idirafter", beside), (*after, "-idirafter", beside)


def check_provable(proposal: Proposal) -> None:
    """UsageError: the change is not one of C text, so that compiling C cannot show it."""
    other = sorted({op.op for op in proposal.operations} - _COMPILED)
    if not proposal.operations:
        raise UsageError(f"{proposal.id} cannot be proved: it has no operations, only a layout to compare with")
    if other:
        edits = ", ".join(proposal.edits) or "the entry code"
        raise UsageError(
            f"{proposal.id} cannot be proved: its {' and '.join(other)} is made by assembly ({edits}); the C sources "
            "and all that is compiled from them stay as they are"
        )


def make_overlay(
    units: Iterable[Unit], layout: Layout, proposal: Proposal, arch: Arch, root: Path, scratch: Path
) -> Overlay:
    """InputError: no unit shows the definition, or the changed header does not give the layout that was announced.
    UsageError: the change has no place in the text."""
    check_provable(proposal)
    both = {op.op for op in proposal.operations}
    if "frame-above" in both and len(both) > 1:
        raise UsageError(f"{proposal.id} cannot be proved: it changes the struct and the frame above it; split it")
    macros = [arch.stack_padding] if any(op.op == "frame-above" for op in proposal.operations) else []
    if macros and f"macro:{arch.stack_padding}" not in proposal.edits:
        raise UsageError(f"{proposal.id} cannot be proved: it does not name macro:{arch.stack_padding} in its edits")
    what = macros[0] if macros else f"struct {layout.struct}"
    why = "was the tree changed after the audit?"
    for unit, header, edits in _places(units, layout, proposal, arch, root, macros):
        overlay = Overlay(header, scratch / "a", scratch / "b")
        text = read_bounded(header, _LARGEST)
        for name in _names(header, unit):
            _write(overlay.before / name, text)
            _write(overlay.after / name, edited(text, edits))
        if _shown(overlay, unit, layout, proposal, arch, root):
            return overlay
        why = f"{unit.source} reads {header} by another way than the include path, past the changed copy"
    raise InputError(str(root), f"no unit shows a definition of {what} that could be changed", why)


def _write(copy: Path, content: bytes) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(content)


def _places(
    units: Iterable[Unit], layout: Layout, proposal: Proposal, arch: Arch, root: Path, macros: Sequence[str]
) -> Iterator[tuple[Unit, str, list[Edit]]]:
    """Units that see the definition, the header that has it, and what to change there."""
    for _, unit in zip(range(_TRIED), units, strict=False):
        tu = _parsed(unit, arch, root, bool(macros))
        if tu is None:
            continue
        seen = layout_from_translation_unit(tu, layout.struct, arch.id)
        if seen is None or _shape(seen) != _shape(layout):
            continue
        if macros:
            found = _macro_edits(tu, macros[0], sum(op.bytes for op in proposal.operations), unit)
        else:
            found = _struct_edits(tu, layout, proposal, unit)
        if found is not None:
            yield unit, *found


def _parsed(unit: Unit, arch: Arch, root: Path, preprocessing: bool) -> Any:
    libclang.use()
    options = cindex.TranslationUnit.PARSE_SKIP_FUNCTION_BODIES | cindex.TranslationUnit.PARSE_INCOMPLETE
    if preprocessing:
        options |= cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD
    arguments = clang_arguments(unit, arch, roots=(root,)).arguments
    try:
        return cindex.Index.create().parse(str(source_path(unit)), args=["-xc", *arguments], options=options)
    except cindex.TranslationUnitLoadError:
        return None


def _shape(layout: Layout) -> tuple[object, ...]:
    return layout.size, tuple((f.name, f.offset, f.size) for f in layout.fields)


def _struct_edits(tu: Any, layout: Layout, proposal: Proposal, unit: Unit) -> tuple[str, list[Edit]]:
    record = find_record(tu, layout.struct).get_declaration()
    header = _real(record.location.file.name, unit)
    if header == os.path.realpath(source_path(unit)):
        problem = f"struct {layout.struct} is defined in a source file; only a header can be overlaid"
        raise InputError(f"{header}:{record.location.line}", problem)
    text = read_bounded(header, _LARGEST)
    members = _statements(record, text)
    if not members:
        raise InputError(f"{header}:{record.location.line}", f"struct {layout.struct} has no member to stand beside")
    return header, struct_edits(text, members, layout, proposal)


def _statements(record: Any, text: bytes) -> list[Statement]:
    """The declarations between the braces; `a` and `b` of `long a, b;` overlap and are one."""
    found: list[Statement] = []
    for cursor in record.get_children():
        if cursor.kind is not _FIELD and cursor.kind not in _AGGREGATES:
            continue
        unnamed = cursor.kind in _AGGREGATES
        names = tuple(_field_names(cursor)) if unnamed else (cursor.spelling,)
        start, end = cursor.extent.start.offset, cursor.extent.end.offset
        if found and start < found[-1].end:
            last = found.pop()
            # `struct { ... } x;` shows its type first: the members of that are not ours.
            names = names if last.whole and not unnamed else last.names + names
            start, unnamed = last.start, False
        found.append(Statement(names, start, end_of_statement(text, end), unnamed))
    return found


def _field_names(cursor: Any) -> Iterable[str]:
    for child in cursor.get_children():
        if child.kind is _FIELD:
            yield child.spelling
        elif child.kind in _AGGREGATES:
            yield from _field_names(child)


def _macro_edits(tu: Any, name: str, grow: int, unit: Unit) -> tuple[str, list[Edit]] | None:
    """The value of an object-like macro, made larger where this unit's definition stands."""
    for cursor in tu.cursor.get_children():
        if cursor.kind is cindex.CursorKind.MACRO_DEFINITION and cursor.spelling == name and cursor.location.file:
            start, end = cursor.extent.start.offset + len(name), cursor.extent.end.offset
            header = _real(cursor.location.file.name, unit)
            value = read_bounded(header, _LARGEST)[start:end]
            return header, [Edit(start, end, b" ((" + value.strip() + b") + %d)" % grow)]
    return None


def _real(file: str, unit: Unit) -> str:
    return os.path.realpath(os.path.join(unit.directory, file))


def _names(header: str, unit: Unit) -> list[str]:
    """The names by which a `#include` may reach the header through the command's directories."""
    names = []
    for directory in include_directories(unit.arguments, unit.directory):
        if header.startswith(directory.rstrip(os.sep) + os.sep):
            names.append(os.path.relpath(header, directory))
    if not names:
        raise InputError(header, f"lies below no include directory of {unit.source}", "only such a header is overlaid")
    return sorted(set(names))


def _shown(overlay: Overlay, unit: Unit, layout: Layout, proposal: Proposal, arch: Arch, root: Path) -> bool:
    """Does the unit see the layout that the proposal announces? False: it sees the old one, past the changed copy."""
    arguments = clang_arguments(unit, arch, roots=(root,)).arguments
    expected = apply(layout, proposal)
    try:
        seen = layout_from_source(str(source_path(unit)), layout.struct, arch.id, (f"-I{overlay.after}", *arguments))
    except InputError as e:
        raise InputError(overlay.header, f"with {proposal.id} it does not compile: {e}", proposal.source) from e
    if _shape(seen) == _shape(expected):
        return True
    if _shape(seen) == _shape(layout):
        return False
    wrong = next((f.name for f, g in zip(expected.fields, seen.fields, strict=False) if f != g), "its size")
    problem = f"{proposal.id} applied to struct {layout.struct} does not give the layout announced: {wrong}"
    raise InputError(overlay.header, problem, f"seen by {unit.source}")
