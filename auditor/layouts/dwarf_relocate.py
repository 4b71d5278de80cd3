# SPDX-License-Identifier: GPL-2.0-only
"""Relocations of the debug sections of an object file.

In an object (ET_REL) the offsets into .debug_str are zero until relocations are applied. In a linked image they hold
their final values, even if the linker was told to keep the relocations; a kernel linked so has 15 million, so they are
never looked at there. Only "symbol + addend" occurs in what is read here; other types (thread-local offsets, addresses)
do not matter to a layout and are left alone.
"""

from __future__ import annotations

import struct
from typing import Any, Literal

from auditor.errors import InputError

MAX_RELOCATIONS = 2_000_000
"""A kernel object has under 200,000; vmlinux.o, linked but not final, has 15 million and would take minutes."""

# {e_machine: {relocation type: bytes written}}, from the psABI of each machine; BPF: Documentation/bpf/llvm_reloc.rst.
_WIDTHS: dict[Any, dict[int, int]] = {
    "EM_X86_64": {1: 8, 10: 4, 11: 4},
    "EM_386": {1: 4},
    "EM_AARCH64": {257: 8, 258: 4},
    "EM_ARM": {2: 4},
    "EM_S390": {4: 4, 22: 8},
    "EM_PPC64": {1: 4, 38: 8},
    "EM_RISCV": {1: 4, 2: 8},
    "EM_LOONGARCH": {1: 4, 2: 8},
    "EM_BPF": {2: 8, 3: 4, 4: 4},
}


def relocated(path: str, elf: Any, name: str, data: bytes) -> bytes:
    """The section's `data` with its relocations applied, if `elf` (an ELFFile) is an object file.

    InputError: too many, or a machine whose relocations are not known.
    """
    if elf["e_type"] != "ET_REL":
        return data
    section = elf.get_section_by_name(".rela" + name) or elf.get_section_by_name(".rel" + name)
    if section is None:
        return data
    explicit = section["sh_type"] == "SHT_RELA"
    machine = elf["e_machine"]
    if machine not in _WIDTHS:
        raise InputError(path, f"relocations of {machine} are not known", "use a linked image, or BTF")
    entry = struct.Struct(("<" if elf.little_endian else ">") + _entry_format(elf.elfclass, explicit))
    raw = section.data()
    count = len(raw) // entry.size
    if count > MAX_RELOCATIONS:
        problem = f"has {count} relocations for {name}, more than the {MAX_RELOCATIONS} that are applied"
        raise InputError(path, problem, "use the final image, or the BTF of it")
    symbols = _symbol_values(elf, section["sh_link"])
    return _apply(data, entry.iter_unpack(raw[: count * entry.size]), elf, _WIDTHS[machine], symbols)


def _entry_format(bits: int, explicit: bool) -> str:
    word = "Q" if bits == 64 else "I"
    return word * 2 + (word.lower() if explicit else "")


def _symbol_values(elf: Any, index: int) -> list[int]:
    raw = elf.get_section(index).data()
    order = "<" if elf.little_endian else ">"
    # Elf64_Sym: name, info, other, shndx, value, size. Elf32_Sym: name, value, size, info, other, shndx.
    form = struct.Struct(order + ("4x4xQ8x" if elf.elfclass == 64 else "4xI8x"))
    return [value for (value,) in form.iter_unpack(raw[: len(raw) // form.size * form.size])]


def _apply(data: bytes, entries: Any, elf: Any, widths: dict[int, int], symbols: list[int]) -> bytes:
    order: Literal["little", "big"] = "little" if elf.little_endian else "big"
    type_bits = 32 if elf.elfclass == 64 else 8
    type_mask = (1 << type_bits) - 1
    out = bytearray(data)
    for offset, info, *explicit in entries:
        width = widths.get(info & type_mask)
        if width is None:
            continue
        if offset + width > len(out):
            raise ValueError(f"a relocation at {offset:#x}, outside of a section of {len(out)} bytes")
        addend = explicit[0] if explicit else int.from_bytes(out[offset : offset + width], order)
        value = (symbols[info >> type_bits] + addend) & ((1 << width * 8) - 1)
        out[offset : offset + width] = value.to_bytes(width, order)
    return bytes(out)
