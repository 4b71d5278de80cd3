# SPDX-License-Identifier: GPL-2.0-only
"""What names a struct in a text, and what leads to it without naming it: by this alone units are selected."""

from __future__ import annotations

from auditor.arch import Arch
from auditor.interfaces import shipped


def words_of(struct: str, arch: Arch) -> tuple[str, ...]:
    """What names the struct in a text."""
    return arch.words if struct == arch.struct else (struct,)


def names_leading_to(struct: str, arch: Arch) -> tuple[str, ...]:
    """The words and, of the architecture's struct, accessors of the register frame and what carries images of it."""
    if struct != arch.struct:
        return words_of(struct, arch)
    carriers = shipped().regset_types | shipped().register_image
    return (*words_of(struct, arch), *sorted(arch.leading | carriers))
