# SPDX-License-Identifier: GPL-2.0-only
"""The layout after a proposal, as far as a report tells it: old members where they went, and gaps for what is new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from auditor.model import Field, Layout


def layout_after(before: Layout, shift: Mapping[str, int], resize: int) -> Layout:
    """Old members moved by `shift`. One that would lie past the new end, or under a member that moved, is gone."""
    size = max(before.size + resize, 0)
    moved = [(f, replace(f, offset=f.offset + shift.get(f.name, 0))) for f in before.fields]
    stays = [(old, new) for old, new in moved if new.offset >= 0 and new.offset + new.size <= size]
    arrived = [(old, new) for old, new in stays if old.offset != new.offset]

    def covered(old: Field, new: Field) -> bool:
        return any(_share(new, other) and not _share(old, was) for was, other in arrived)

    kept = tuple(new for old, new in stays if old.offset != new.offset or not covered(old, new))
    return replace(before, size=size, fields=kept, source="rebuilt from the report")


def _share(a: Field, b: Field) -> bool:
    return a.offset < b.offset + b.size and b.offset < a.offset + a.size
