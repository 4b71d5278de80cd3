# SPDX-License-Identifier: GPL-2.0-only
"""fabricated: objects that the entry path did not make, so that no extension lies in front of them."""

from __future__ import annotations

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, decl_key
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
    needle = (ctx.layout.struct,)
    if not api.isCursorDefinition(node.cursor):
        ctx.add("embed/array", node, bytes=(0, ctx.layout.size), needle=needle)
    elif local and not static:
        ctx.add("fabricated/local", node, bytes=(0, ctx.layout.size), provenance="fabricated", needle=needle)
    else:
        ctx.add("fabricated/static", node, bytes=(0, ctx.layout.size), provenance="fabricated", needle=needle)


@on(K.FUNCTION_DECL)
def escapes(node: Node, ctx: Context) -> None:
    """Marks the local objects whose address is handed to a function: it may take them for an entry's."""
    declared = {
        decl_key(d.node.cursor): d
        for drafts in ctx.drafts.values()
        for d in drafts
        if d.rule in ("fabricated/local", "fabricated/static")
    }
    if not declared:
        return
    for inner in node.walk():
        if inner.kind != K.DECL_REF_EXPR:
            continue
        draft = declared.get(decl_key(inner.referenced))
        if draft is None:
            continue
        use = inner.use()
        if use is not None and use.kind == K.UNARY_OPERATOR and use.operator == "&":
            use = use.use()
        if (
            use is not None
            and use.kind == K.CALL_EXPR
            and use.name not in ctx.interfaces.clear | ctx.interfaces.copy | ctx.interfaces.compare
        ):
            draft.traits |= {"escapes"}


@on(K.FUNCTION_DECL)
def partial_fill(node: Node, ctx: Context) -> None:
    """Registers stored one by one, instruction and stack pointer among them, and none read: an object made by hand."""
    groups: dict[tuple[int, str, int], list[Node]] = {}
    read: set[tuple[int, str, int]] = set()
    for drafts in list(ctx.drafts.values()):
        for draft in drafts:
            if not draft.rule.startswith(("field/", "uapi-export/by-name")) or draft.node.kind != K.MEMBER_REF_EXPR:
                continue
            expansion = ctx.expansion(draft.node)
            base = draft.node.kids[0].bare()
            # Stores under different cases or branches fill nothing together.
            block = next((up for up in draft.node.ancestors() if up.kind in _BLOCKS), draft.node)
            variable = decl_key(base.referenced) if base.kind == K.DECL_REF_EXPR else 0
            key = (variable, expansion.name if expansion else "", id(block))
            if draft.rule == "field/write":
                groups.setdefault(key, []).append(draft.node)
            else:
                read.add(key)
    needed = {ctx.arch.instruction_pointer, ctx.arch.stack_pointer}
    for key, stores in groups.items():
        names = tuple(dict.fromkeys(n.name for n in stores))
        if key in read or len(names) < _MIN_FILLED or not needed <= set(names):
            continue
        first = min(stores, key=lambda n: n.place[3])
        field = ctx.layout.get(first.name)
        if field is not None:
            needle = ("->|.", first.name)
            ctx.add("fabricated/partial-fill", first, fields=names, provenance="fabricated", needle=needle)
