# SPDX-License-Identifier: GPL-2.0-only
"""Members of two layouts, paired by name."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.model import Field, Layout


@dataclass(frozen=True, slots=True)
class Pair:
    """One member before and after; one of the two is None for an added or removed one."""

    before: Field | None
    after: Field | None


def pairs(before: Layout, after: Layout) -> list[Pair]:
    """Every member of both, in the order of `after`; a removed one stands after the member that it used to follow."""
    old = {f.name: f for f in before.fields}
    new = {f.name: f for f in after.fields}
    gone: dict[str | None, list[Pair]] = {}
    anchor: str | None = None
    for field in before.fields:
        if field.name in new:
            anchor = field.name
        else:
            gone.setdefault(anchor, []).append(Pair(field, None))
    result = list(gone.get(None, ()))
    for field in after.fields:
        result.append(Pair(old.get(field.name), field))
        result += gone.get(field.name, ())
    return result
