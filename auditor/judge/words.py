# SPDX-License-Identifier: GPL-2.0-only
"""The sentences of a verdict: placeholders of the rules' `why` templates, filled with field, offset and distance."""

from __future__ import annotations

from collections.abc import Callable

from auditor.judge.conditions import anchor_of, anchor_shift, displacement
from auditor.model import Effects, Layout, Proposal, Site

PLACEHOLDERS = frozenset(
    {"expression", "fields", "moves", "bytes", "holds", "becomes", "size", "added", "anchor", "proposal", "struct",
     "extension", "above", "tail", "function"}
)  # fmt: skip


def describe(template: str, site: Site, effects: Effects, proposal: Proposal) -> str:
    """The template with every placeholder filled; only those that the template names are worked out."""
    makers: dict[str, Callable[[], str]] = {
        "expression": lambda: site.expression,
        "fields": lambda: _list(site.fields) or "the object",
        "moves": lambda: _moves(site, effects),
        "bytes": lambda: _bytes(site, effects.before),
        "holds": lambda: _content(effects.before, site.bytes, 0),
        "becomes": lambda: _content(effects.after, site.bytes, anchor_shift(site, effects), effects),
        "size": lambda: f"{effects.before.size} -> {effects.after.size} bytes",
        "added": lambda: _list(effects.added) or "no new member",
        "anchor": lambda: anchor_of(site) or effects.before.struct,
        "proposal": lambda: proposal.id,
        "struct": lambda: effects.before.struct,
        "extension": lambda: f"{effects.extension} bytes ({_list(effects.extension_members)})",
        "above": lambda: f"{effects.frame_above} bytes",
        "tail": lambda: _tail(site, effects),
        "function": lambda: site.function or site.file,
    }
    return template.format_map({k: make() for k, make in makers.items() if "{" + k + "}" in template})


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{n}`" for n in names)


def _moves(site: Site, effects: Effects) -> str:
    """`ip` 128 -> 136 (+8); counted from the struct's end where the site is."""
    end = "end-anchored" in site.traits
    parts = []
    for name in site.fields:
        old, new = effects.before.get(name), effects.after.get(name)
        if old is None:
            continue
        if new is None:
            parts.append(f"`{name}` is removed")
            continue
        a, b = (old.offset, new.offset)
        if end:
            a, b = a - effects.before.size, b - effects.after.size - effects.frame_above
        if a != b:
            parts.append(f"`{name}` {a} -> {b} ({b - a:+d})")
    if not parts and end:
        d = displacement(site, effects, None)
        a = -effects.before.size
        parts.append(f"the object {a} -> {a + d} ({d:+d})")
    base = " from the stack top" if end else ""
    return (", ".join(parts) or "nothing") + base


def _bytes(site: Site, layout: Layout) -> str:
    if site.bytes is None:
        return "bytes at a run-time offset"
    lo, hi = site.bytes
    text = f"bytes {lo}..{hi}"
    if hi > layout.size and layout.fields:
        last = max(layout.fields, key=lambda f: f.offset)
        text += f", {hi - layout.size} past `{last.name}`"
    elif lo < 0:
        text += f", {-lo} below the struct"
    return text


def _content(layout: Layout, span: tuple[int, int] | None, base: int, effects: Effects | None = None) -> str:
    if span is None:
        return "a member chosen at run time"
    lo, hi = span[0] + base, span[1] + base
    names = list(layout.covering(lo, hi))
    if effects is not None and lo < 0 and effects.extension and hi > -effects.extension:
        names = [*effects.extension_members, *names]
    return _list(tuple(names)) if names else "nothing of the struct"


def _tail(site: Site, effects: Effects) -> str:
    """Distance from a member to the struct's end, before and after."""
    parts = []
    for name in site.fields:
        old, new = effects.before.get(name), effects.after.get(name)
        if old and new:
            parts.append(f"{effects.before.size - old.offset} -> {effects.after.size - new.offset} bytes from `{name}`")
    return ", ".join(parts)
