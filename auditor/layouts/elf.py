# SPDX-License-Identifier: GPL-2.0-only
"""The one boundary to pyelftools: what a hostile file makes it raise becomes one InputError."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from elftools.common.exceptions import DWARFError, ELFError
from elftools.construct.core import ConstructError
from elftools.elf.elffile import ELFFile

from auditor.errors import InputError
from auditor.files import open_regular

MAX_SECTION = 1 << 30
"""Bytes of one section after decompression; .debug_info of a distribution's vmlinux has 300 MiB."""

# Seen while feeding damaged objects to pyelftools 0.31 to 0.33. NotImplementedError is a RecursionError's sibling under
# RuntimeError: references to supplementary files that nobody gave.
DAMAGE = (
    ELFError, DWARFError, ConstructError, struct.error, zlib.error, UnicodeError, RecursionError, NotImplementedError,
    KeyError, IndexError, AttributeError, AssertionError, TypeError, ValueError, OverflowError, MemoryError, OSError,
)  # fmt: skip


@contextmanager
def damage_is_an_error(path: str, what: str) -> Iterator[None]:
    """InputError in place of whatever the reading of a damaged file raises. `what` names the part being read."""
    try:
        yield
    except DAMAGE as e:
        detail = str(e) or type(e).__name__
        raise InputError(path, f"{what} is damaged: {detail[:200]}", "rebuild it, or check with readelf") from e


def section_bytes(path: str, name: str) -> bytes | None:
    """Contents of a section, decompressed; None: no such section. InputError: damaged, or larger than is read."""
    stream, _ = open_regular(path)
    with stream, damage_is_an_error(path, f"ELF section {name}"):
        return contents(path, ELFFile(stream), name)


def contents(path: str, elf: Any, name: str) -> bytes | None:
    """As `section_bytes`, for an open ELFFile; to be called inside `damage_is_an_error`."""
    section = elf.get_section_by_name(name)
    if section is None or section["sh_type"] == "SHT_NOBITS":
        return None
    if section.data_size > MAX_SECTION:
        raise InputError(
            path, f"section {name} has {section.data_size} bytes, more than the {MAX_SECTION} that are read"
        )
    found: bytes = section.data()
    return found


def has_section(path: str, name: str) -> bool:
    """InputError: not an ELF file that can be read."""
    stream, _ = open_regular(path)
    with stream, damage_is_an_error(path, "ELF file"):
        return ELFFile(stream).get_section_by_name(name) is not None
