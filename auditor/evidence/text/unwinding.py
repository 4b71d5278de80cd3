# SPDX-License-Identifier: GPL-2.0-only
"""What follows the object on a stack by statements about it: unwind hints, and the state that objtool makes of them.
Also ids and numbers of registers that are user ABI."""

from __future__ import annotations

from auditor.evidence.text.context import Context, on
from auditor.evidence.text.parsing import Frame, bare, text_of


@on("field_expression")
def state(frame: Frame, ctx: Context) -> None:
    node = frame.node
    holder = ctx.scope.of(node.child_by_field_name("argument"))
    unwind = ctx.around.words.unwind
    if holder is None or holder.pointers > 1:
        return
    followed = holder.tag in unwind.frame_types and text_of(node.child_by_field_name("field")) in unwind.frame_members
    if followed or holder.tag in unwind.hint_types:
        ctx.add("unwind/hint", node)


@on("identifier")
def named(frame: Frame, ctx: Context) -> None:
    name = text_of(frame.node)
    words = ctx.around.words
    if name.startswith(words.unwind.hint_prefix):
        ctx.add("unwind/hint", frame.node)
    elif name.startswith(words.ids):
        ctx.add("uapi-export/by-id", frame.node)


@on("subscript_designator", "subscript_expression")
def by_number(frame: Frame, ctx: Context) -> None:
    """[R8 >> 3] = ..., gp[X / sizeof(long)]: the offsets of the exported header as an index."""
    node = frame.node
    index = node.child_by_field_name("index") or next(iter(node.named_children), None)
    index = bare(index)
    if index is None or index.type != "binary_expression":
        return
    if text_of(index.child_by_field_name("operator")) not in (">>", "/"):
        return
    if text_of(bare(index.child_by_field_name("left"))) in ctx.around.own.assembly_names:
        ctx.add("uapi-export/abi-number", node)
