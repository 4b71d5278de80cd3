# SPDX-License-Identifier: GPL-2.0-only
"""Layouts to try proposals on."""

from __future__ import annotations

from auditor.layouts.relayout import natural_align
from auditor.model import Field, Layout

REGISTERS = (
    "r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di", "orig_ax", "ip",
    "cs", "flags", "sp", "ss",
)  # fmt: skip

PT_REGS = Layout(
    "pt_regs", "x86_64", 168, 8, tuple(Field(n, "unsigned long", i * 8, 8) for i, n in enumerate(REGISTERS)), "x86-64"
)

FRED = Layout(
    "pt_regs",
    "x86_64",
    168,
    8,
    (
        *PT_REGS.fields[:17],
        Field("cs", "u16", 136, 2),
        Field("csx", "u64", 136, 8),
        Field("flags", "unsigned long", 144, 8),
        Field("sp", "unsigned long", 152, 8),
        Field("ss", "u16", 160, 2),
        Field("ssx", "u64", 160, 8),
        Field("vector", "u64", 160, 8, 32, 8),
    ),
    "FRED",
)
"""As PT_REGS; the slots of the segment registers are unions, as in kernels that know FRED."""


def compiled(*fields: Field, packed: bool = False) -> Layout:
    """A struct of these members as the C compiler would lay it out; their offsets are ignored."""
    placed: list[Field] = []
    end, align = 0, 1
    for field in fields:
        wanted = 1 if packed else natural_align(field)
        align = max(align, wanted)
        start = -(-end // wanted) * wanted
        placed.append(Field(field.name, field.type, start, field.size))
        end = start + field.size
    return Layout("s", "x86_64", -(-end // align) * align, align, tuple(placed), "compiled")
