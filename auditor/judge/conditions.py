# SPDX-License-Identifier: GPL-2.0-only
"""What a verdict table may ask: named, pure questions about a site under the effects of a proposal.

`CONDITIONS` is the whole vocabulary; rules/README.md says each in a sentence. Anchors: a site counts its bytes from the
start of the object, unless it has the trait `end-anchored`: the object was found from the end of a stack, so that what
matters is the distance to the struct's end.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

from auditor.model import Effects, Expression, Guard, Layout, Site

Condition = Callable[[Site, Effects], bool]


def displacement(site: Site, effects: Effects, name: str | None) -> int:
    """By how many bytes a member (or, with None, the object's start) moves against the site's anchor."""
    shift = _shift(site, effects, name) if name else 0
    return shift - effects.resize - effects.frame_above if "end-anchored" in site.traits else shift


def _shift(site: Site, effects: Effects, name: str) -> int:
    """A member that only the sibling's struct has stands behind a new first one, and before a new last one."""
    if "sibling" in site.traits and effects.new_head and effects.before.get(name) is None:
        return max(effects.shift.values(), default=0)
    return effects.shift.get(name, 0)


def moves(site: Site, effects: Effects) -> bool:
    names: tuple[str | None, ...] = site.fields or (None,)
    return any(displacement(site, effects, n) for n in names) or any(n in effects.removed for n in site.fields)


def _content(layout: Layout, lo: int, hi: int) -> tuple[tuple[str, int], ...]:
    """What lies in [lo, hi): (member, its start relative to lo), so that equal tuples mean equal meaning."""
    return tuple((f.name, f.offset - lo) for f in layout.fields if f.offset < hi and lo < f.offset + f.size)


def stale(site: Site, effects: Effects) -> bool:
    """The same numbers, counted from the start (or from the anchor member), now name other members."""
    if site.bytes is None:
        return False
    lo, hi = site.bytes
    base = anchor_shift(site, effects)
    return _content(effects.before, lo, hi) != _content(effects.after, lo + base, hi + base)


def anchor_shift(site: Site, effects: Effects) -> int:
    """Shift of the member that the site's numbers are counted from; 0 when they count from the struct's start."""
    anchor = anchor_of(site)
    return effects.shift.get(anchor, 0) if anchor else 0


def anchor_of(site: Site) -> str | None:
    return next((t.removeprefix("anchor=") for t in site.traits if t.startswith("anchor=")), None)


def gains(site: Site, effects: Effects) -> bool:
    """Bytes outside the old struct that a new member, or the extension, now occupies."""
    if site.bytes is None:
        return False
    lo, hi = site.bytes
    base = anchor_shift(site, effects)
    new = effects.after.covering(lo + base, hi + base)
    past = hi > effects.before.size and any(n in effects.added for n in new)
    below = lo < 0 and effects.extension > 0 and hi > -effects.extension
    return past or below


def apart(site: Site, effects: Effects) -> bool:
    """Members that the site counts as neighbours no longer keep their distance.

    From the anchor member to the end of the range, or to the last old member where no range is known.
    """
    before = effects.before
    anchor = anchor_of(site)
    start = before.get(anchor).offset if anchor and before.get(anchor) else 0  # type: ignore[union-attr]
    lo, hi = site.bytes if site.bytes else (start, before.size)
    members = [f.name for f in before.fields if f.offset >= min(lo, start) and f.offset < max(hi, start + 1)]
    shifts = {effects.shift.get(n, 0) for n in members}
    return len(shifts) > 1 or any(n in effects.removed or n in effects.resized for n in members)


def tail_distance(site: Site, effects: Effects) -> bool:
    """sizeof(struct) - offsetof(member) changes for one of the site's members."""
    return any(effects.resize != effects.shift.get(n, 0) for n in site.fields)


_WORD = (1 << 64) - 1
_WIDTH = 64
_BINARY: dict[str, Callable[[int, int], int]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.floordiv, "%": operator.mod,
    "<<": lambda a, b: a << b if b < _WIDTH else 0, ">>": lambda a, b: a >> b if b < _WIDTH else 0,
    "&": operator.and_, "|": operator.or_, "^": operator.xor,
    "&&": lambda a, b: bool(a) and bool(b), "||": lambda a, b: bool(a) or bool(b),
}  # fmt: skip
_UNARY: dict[str, Callable[[int], int]] = {"!": operator.not_, "-": operator.neg, "~": operator.invert}


def evaluate(expression: Expression, layout: Layout) -> int:
    """A guard's condition under a layout, in 64-bit unsigned words as offsetof and sizeof have them.

    LookupError: it names a member that the layout has not.
    """
    match expression:
        case ("const", int(number)):
            return number & _WORD
        case ("sizeof",):
            return layout.size
        case ("offsetof", str(name)):
            member = layout.get(name)
            if member is None:
                raise LookupError(name)
            return member.offset
        case (str(op), tuple(inner)):
            return int(_UNARY[op](evaluate(inner, layout))) & _WORD
        case (str(op), tuple(left), tuple(right)):
            return int(_BINARY[op](evaluate(left, layout), evaluate(right, layout))) & _WORD
    raise LookupError(str(expression))


def guard_fires(site: Site, effects: Effects) -> bool:
    """The site's compile-time condition, evaluated again under the layout after the change.

    A condition that would stop today's build as well was misread; it says nothing. Of another build's layout no number
    is known: what must have one value there has it today, and not when it changes.
    """
    if site.guard is None:
        return False
    if of_another_build(site, effects):
        return _is_exact(site.guard) and measured_changes(site, effects)
    if not _passes(site.guard, effects.before):
        return False
    # A member that is gone, or an expression that became meaningless, stops the build just as surely.
    return not _passes(site.guard, effects.after)


def _passes(guard: Guard, layout: Layout) -> bool:
    try:
        return bool(evaluate(guard.expression, layout)) == guard.positive
    except (LookupError, ZeroDivisionError, ValueError):
        return False


def of_another_build(site: Site, effects: Effects) -> bool:
    """A guard whose numbers are another layout's: by its place, or because, as text, it would stop today's build."""
    if site.guard is None:
        return False
    return "measured" in site.traits or (site.evidence == "syntactic" and not _passes(site.guard, effects.before))


def _is_exact(guard: Guard) -> bool:
    """Whether it lets one value of one size or offset pass."""
    match guard.expression:
        case ("==" | "!=" as op, (str(left), *_), (str(right), *_)):
            alone = "const" in (left, right) and not {left, right}.isdisjoint({"sizeof", "offsetof"})
            return alone and (op == "==") == guard.positive
    return False


def measured_changes(site: Site, effects: Effects) -> bool:
    """What a guard compares changes; of a member that this layout does not have nobody knows."""
    if "user-twin" in site.traits:
        # That copy stays as it is.
        return False
    unknown = any(effects.before.get(name) is None for name in site.fields)
    resized = "measures-size" in site.traits and effects.resize != 0
    return resized or moves(site, effects) or (unknown and layout_changes(site, effects))


def layout_changes(site: Site, effects: Effects) -> bool:
    return bool(effects.shift or effects.resize or effects.added or effects.removed or effects.resized)


CONDITIONS: dict[str, Condition] = {
    "moves": moves,
    "stale": stale,
    "gains": gains,
    "apart": apart,
    "tail-distance": tail_distance,
    "guard-fires": guard_fires,
    "measured-changes": measured_changes,
    "guard-of-another-build": of_another_build,
    "any-shift": lambda s, e: bool(e.shift or e.removed),
    "anchor-moves": lambda s, e: displacement(s, e, anchor_of(s)) != 0,
    "layout-changes": layout_changes,
    "resized": lambda s, e: e.resize != 0,
    "new-head": lambda s, e: e.new_head,
    "new-tail": lambda s, e: e.new_tail,
    "frame-below": lambda s, e: e.frame_below != 0,
    "frame-above": lambda s, e: e.frame_above != 0,
    "extension": lambda s, e: e.extension != 0,
    "extension-per-entry": lambda s, e: e.extension != 0 and e.extension_scope == "entry",
    "extension-per-call": lambda s, e: e.extension != 0 and e.extension_scope == "call",
    "field-removed": lambda s, e: any(n in e.removed for n in s.fields),
}


def holds(condition: str, site: Site, effects: Effects) -> bool:
    """One entry of a `when` list, with its `!`, `trait:` and `provenance:` forms."""
    name = condition.removeprefix("!")
    if name.startswith("trait:"):
        value = name.removeprefix("trait:") in site.traits
    elif name.startswith("provenance:"):
        value = site.provenance == name.removeprefix("provenance:")
    else:
        value = CONDITIONS[name](site, effects)
    return value != condition.startswith("!")
