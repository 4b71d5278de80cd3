# SPDX-License-Identifier: GPL-2.0-only
"""As much of x86's encoding as it takes to say what an instruction refers to, without taking it apart."""

from __future__ import annotations

import re

X86_64, I386 = "X86_64", "386"
PC_RELATIVE = {X86_64: frozenset({2, 4, 9, 24, 41, 42}), I386: frozenset({2, 4})}
"""Relocation types that count from the place itself."""
_IMMEDIATE = {
    0x80: 1, 0x83: 1, 0xC0: 1, 0xC1: 1, 0xC6: 1, 0x6B: 1, 0xF6: 1, 0x81: 4, 0xC7: 4, 0x69: 4, 0xF7: 4,
}  # fmt: skip
"""{opcode: bytes of an immediate value behind its address}."""
_GROUP_3 = frozenset({0xF6, 0xF7})
"""Only `test`, the first two of these eight, has one."""
_IMMEDIATE_0F = frozenset({0x70, 0xA4, 0xAC, 0xBA, 0xC2, 0xC4, 0xC5, 0xC6})
_OPERAND_SIZE = 0x66
BRANCH = re.compile(rb"(?=[\xe8\xe9]|\x0f[\x80-\x8f])")
"""call, jmp and jcc with a distance of 32 bits."""
SHORT = {I386: {20: 2, 21: 2, 22: 1, 23: 1}}
"""Bytes that a relocation without an explicit addend fills, where these are not 4."""


def immediate(body: bytearray, at: int) -> int:
    """Bytes between a relocated address and the end of its instruction, told from the opcode and ModR/M before it."""
    if at < 2:
        return 0
    opcode, register = body[at - 2], body[at - 1] >> 3 & 7
    if at > 2 and body[at - 3] == 0x0F:
        return int(opcode in _IMMEDIATE_0F)
    size = 0 if opcode in _GROUP_3 and register > 1 else _IMMEDIATE.get(opcode, 0)
    return 2 if size == 4 and _OPERAND_SIZE in body[max(at - 5, 0) : at - 2] else size
