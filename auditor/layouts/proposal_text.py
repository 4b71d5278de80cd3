# SPDX-License-Identifier: GPL-2.0-only
"""Proposals and their effects as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tabulate import tabulate

from auditor.layouts.text import escape
from auditor.layouts.text_diff import render_diff
from auditor.model import Effects, Operation, Proposal


def listing(proposals: Sequence[tuple[Proposal, Effects | None]]) -> str:
    """A table, one line per proposal; with a summary of the effects where they are known."""
    known = any(e is not None for _, e in proposals)
    rows = [[p.id, escape(p.title), *([summary(e)] if e is not None else [])] for p, e in proposals]
    return tabulate(rows, ["id", "title", *(["effects"] if known else [])], disable_numparse=True)


def show(proposal: Proposal, effects: Effects | None) -> str:
    """Everything about one proposal; with effects, also the struct before and after."""
    lines = [f"{proposal.id}: {proposal.title}", ""]
    lines += [*proposal.description.splitlines(), ""]
    lines += [f"operation  {_operation(op)}" for op in proposal.operations]
    for what, values in (("edits", proposal.edits), ("readers", proposal.readers), ("reference", proposal.references)):
        lines += [f"{what:<10} {value}" for value in values]
    text = "\n".join(escape(line) for line in lines)
    if effects is None:
        return text
    return f"{text}\n\neffects    {summary(effects)}\n\n{render_diff(effects.before, effects.after)}"


def summary(effects: Effects) -> str:
    """The effects in one line of at most a few words each; "none" if nothing changes."""
    return "; ".join(_effects(effects)) or "none"


def _effects(e: Effects) -> Iterator[str]:
    if e.shift:
        amounts = sorted(set(e.shift.values()))
        yield f"{len(e.shift)} members shift by {', '.join(f'{a:+}' for a in amounts)}"
    if e.resize:
        yield f"size {e.resize:+}"
    for what, names in (("added", e.added), ("removed", e.removed), ("resized", e.resized)):
        if names:
            yield f"{what} {', '.join(escape(n) for n in names)}"
    if e.new_head:
        yield "new head"
    if e.new_tail:
        yield "new tail"
    if e.frame_below:
        yield f"frame {e.frame_below:+} below"
    if e.frame_above:
        yield f"frame {e.frame_above:+} above"
    if e.extension:
        yield f"extension of {e.extension} bytes, scope {e.extension_scope}"


def _operation(op: Operation) -> str:
    members = ", ".join(f"{m.type} {m.name} ({m.size} bytes)" for m in op.members)
    place = op.at or (f"before {op.before}" if op.before else f"after {op.after}" if op.after else "")
    match op.op:
        case "insert":
            return f"insert {place}: {members}"
        case "remove":
            return f"remove {op.member}"
        case "resize":
            return f"resize {op.member} to {op.size} bytes"
        case "reorder":
            return f"reorder {', '.join(op.order)}"
        case "extension":
            return f"extension, scope {op.scope}: {members}"
        case _:
            return f"{op.op} {op.bytes} bytes"
