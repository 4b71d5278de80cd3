# SPDX-License-Identifier: GPL-2.0-only
"""bpf-ctx: where BPF programs and the verifier meet the object, on the kernel's side."""

from __future__ import annotations

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, provenance
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.kinds.dispatch import on


@on(K.CALL_EXPR)
def program_context(node: Node, ctx: Context) -> None:
    names = ctx.interfaces.bpf_run
    call = node if node.name in names else None
    if call is None:
        return
    value = next((k.value for k in node.kids[1:] if k.value is not None and not k.value.place), None)
    if value is not None:
        ctx.drop(node, ("cast", "stack-position"))
        span = (0, ctx.layout.size)
        ctx.add("bpf-ctx/program-context", node, bytes=span, provenance=provenance(value), needle=(node.name,))


@on(K.PARM_DECL)
def prototype(node: Node, ctx: Context) -> None:
    """The prototype of a helper or of a tracepoint that receives the object."""
    parent = node.parent
    if node.type.cls is not C.POINTER or parent is None or parent.kind != K.FUNCTION_DECL:
        return
    if parent.name.startswith(tuple(ctx.interfaces.tracepoint_prefix)):
        ctx.add("bpf-ctx/tracepoint", node, needle=(node.name,))
    elif parent.name.startswith(tuple(ctx.interfaces.bpf_helper_prefix)) and parent.kids[-1].kind == K.COMPOUND_STMT:
        ctx.add("bpf-ctx/helper-argument", node, needle=(node.name,))


@on(K.DECL_REF_EXPR)
def helper_result(node: Node, ctx: Context) -> None:
    if node.type.record in ctx.interfaces.bpf_proto_type and ctx.layout.struct in node.name:
        ctx.add("bpf-ctx/helper-result", node, bytes=(0, ctx.layout.size), needle=(node.name,))


@on(K.RETURN_STMT)
def helper_returns(node: Node, ctx: Context) -> None:
    """A helper's result is a word: the object's address in it goes to the program."""
    value = node.kids[0].value if node.kids else None
    if value is None or value.place or not ctx.function.startswith(tuple(ctx.interfaces.bpf_helper_prefix)):
        return
    ctx.drop(node, ("stack-position",))
    ctx.add("bpf-ctx/helper-result", node, bytes=(0, ctx.layout.size), provenance=provenance(value))


def _spelling(node: Node, ctx: Context) -> list[str]:
    api = ctx.unit.api
    return api.text(api.getTypeSpelling(api.getCursorType(node.cursor))).split()


@on(K.FUNCTION_DECL)
def verifier_bound(node: Node, ctx: Context) -> None:
    """Sizes of the object in a function that the verifier asks: what programs may touch."""
    types = ctx.interfaces.bpf_verifier_types
    if not any(k.kind == K.PARM_DECL and types & set(_spelling(k, ctx)) for k in node.kids):
        return
    for drafts in ctx.drafts.values():
        for draft in drafts:
            if draft.rule in ("size/value", "size/container"):
                draft.rule = "bpf-ctx/verifier-bound"
                draft.bytes = (0, ctx.layout.size)
