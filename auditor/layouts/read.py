# SPDX-License-Identifier: GPL-2.0-only
"""A layout from any file that holds one; the content decides how it is read, not the name."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.errors import InputError, UsageError
from auditor.files import head
from auditor.layouts.btf import layout_from_btf
from auditor.layouts.btf_data import is_btf
from auditor.layouts.dwarf import layout_from_dwarf
from auditor.layouts.elf import has_section
from auditor.model import Layout


def read_layout(
    source: str, struct: str, arch_id: str, arguments: Sequence[str] = (), base: str | None = None
) -> Layout:
    """Layout of `struct` (a struct, union or typedef name) in a C file, an ELF file or raw BTF.

    ELF: from `.BTF` if there is one, else from DWARF. `arguments` are clang's and used for C only; `base` is the
    kernel's BTF and used for a module's only. UsageError: an empty name. InputError: a missing, empty, unreadable or
    damaged file, a FIFO or directory, a binary file of no known kind, no such struct.
    """
    if not struct.strip():
        raise UsageError("--struct: the name of a struct is empty")
    start = head(source, 4096)
    if not start:
        raise InputError(source, "is empty", "name a C header, an ELF object or a BTF file")
    if start.startswith(b"\x7fELF"):
        if has_section(source, ".BTF"):
            return layout_from_btf(source, struct, arch_id, base)
        return layout_from_dwarf(source, struct, arch_id)
    if is_btf(start):
        return layout_from_btf(source, struct, arch_id, base)
    if b"\0" in start:
        raise InputError(source, "is neither C, ELF nor BTF", "unpack it first if it is a compressed kernel image")
    # clang is only loaded for C: it takes longer than reading BTF.
    from auditor.layouts.c import layout_from_source

    return layout_from_source(source, struct, arch_id, arguments)
