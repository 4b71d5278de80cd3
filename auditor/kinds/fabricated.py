# SPDX-License-Identifier: GPL-2.0-only
"""fabricated: objects that the entry path did not make, so that no extension lies in front of them."""

from __future__ import annotations

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, Draft, decl_key
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.kinds.dispatch import on

_MIN_FILLED = 3
_BLOCKS = {K.COMPOUND_STMT, K.CASE_STMT, K.DEFAULT_STMT, K.IF_STMT}


@on(K.VAR_DECL)
def variable(node: Node, ctx: Context) -> None:
    if node.type.cls not in (C.OBJECT, C.ARRAY):
        return
    api = ctx.unit.api
    local = api.getCursorSemanticParent(node.cursor).kind == K.FUNCTION_DECL
    # CX_SC_Static: a local that is static lives as long as a global.
    static = api.Cursor_getStorageClass(node.cursor) == 3
    # CX_SC_Extern
    extern = api.Cursor_getStorageClass(node.cursor) == 2
    per_cpu = any(p in ctx.text(node) for p in ctx.interfaces.per_cpu_prefix)
    if extern and not per_cpu:
        return
    rule = "fabricated/local" if local and not static else "fabricated/static"
    if node.type.cls is C.ARRAY or per_cpu:
        rule = rule if rule == "fabricated/local" else "embed/array"
    made = "fabricated" if rule.startswith("fabricated") else "unknown"
    ctx.add(rule, node, bytes=(0, ctx.layout.size), provenance=made, needle=(ctx.layout.struct,))


@on(K.COMPOUND_LITERAL)
def literal(node: Node, ctx: Context) -> None:
    """&(struct pt_regs){ .ip = ip }"""
    if node.type.cls is C.OBJECT:
        use = node.use()
        while use is not None and use.kind == K.UNARY_OPERATOR and use.operator == "&":
            use = use.use()
        traits = frozenset({"escapes"}) if use is not None and use.kind == K.CALL_EXPR else frozenset()
        span = (0, ctx.layout.size)
        needle = (ctx.layout.struct,)
        ctx.add("fabricated/local", node, bytes=span, provenance="fabricated", traits=traits, needle=needle)


@on(K.DECL_REF_EXPR)
def escapes(node: Node, ctx: Context) -> None:
    """An object whose address is handed to a function, which may take it for an entry's."""
    if node.type.cls not in (C.OBJECT, C.ARRAY):
        return
    use = node.use()
    if use is not None and use.kind == K.UNARY_OPERATOR and use.operator == "&":
        use = use.use()
    names = ctx.interfaces
    if use is None or use.kind != K.CALL_EXPR or use.name in names.clear | names.copy | names.compare:
        return
    key = decl_key(node.referenced)
    ctx.unit.escaped.add(key)
    for draft in [d for drafts in ctx.drafts.values() for d in drafts]:
        if draft.rule in ("fabricated/local", "fabricated/static") and decl_key(draft.node.cursor) == key:
            draft.traits |= {"escapes"}


@on(K.FUNCTION_DECL)
def partial_fill(node: Node, ctx: Context) -> None:
    """Registers stored one by one, the instruction pointer among them: an object made by hand.

    In a function the object must be one of its own; a macro body that only stores is made for such objects.
    """
    groups: dict[tuple[int, str, int], list[Draft]] = {}
    read: set[tuple[int, str, int]] = set()
    for draft in [d for drafts in ctx.drafts.values() for d in drafts]:
        if not draft.rule.startswith("field/") or draft.node.kind != K.MEMBER_REF_EXPR:
            continue
        expansion = ctx.expansion(draft.node)
        if expansion is None and draft.provenance != "fabricated":
            continue
        base = draft.node.kids[0].bare()
        # Stores under different cases or branches fill nothing together.
        block = next((up for up in draft.node.ancestors() if up.kind in _BLOCKS), draft.node)
        variable = decl_key(base.referenced) if base.kind == K.DECL_REF_EXPR else 0
        key = (variable, expansion.name if expansion else "", id(block))
        if draft.rule == "field/write":
            groups.setdefault(key, []).append(draft)
        else:
            read.add(key)
    for key, stores in groups.items():
        names = {d.fields[0] for d in stores}
        if key not in read and len(names) >= _MIN_FILLED and ctx.arch.instruction_pointer in names:
            for draft in stores:
                draft.rule, draft.provenance = "fabricated/partial-fill", "fabricated"
