# SPDX-License-Identifier: GPL-2.0-only
"""cast: the object read as another type, another type read as the object.

Exempt, because they say nothing of the layout: constants (NULL, ERR_PTR) and the inside of container_of. `void *` is
not a dependence on the layout either, but it is where the compiler loses track of the object: `cast/type-erased`.
"""

from __future__ import annotations

from auditor.evidence.c.api import K
from auditor.evidence.c.context import Context, Said, decl_key, is_local, provenance
from auditor.evidence.c.measure import is_null, member_of
from auditor.evidence.c.nodes import Node
from auditor.evidence.c.types import C
from auditor.evidence.c.values import Value
from auditor.kinds.dispatch import on

_NEEDLE = ("struct",)


@on(K.CSTYLE_CAST_EXPR)
def explicit(node: Node, ctx: Context) -> None:
    kid = node.kids[-1] if node.kids else None
    if kid is None:
        return
    if node.type.cls is C.POINTER:
        _to_object(node, kid, ctx)
    elif kid.value is not None and not kid.value.place and kid.type.cls in (C.POINTER, C.VOID_POINTER, C.INTEGER):
        _from_object(node, kid, kid.value, ctx)


def _to_object(node: Node, kid: Node, ctx: Context) -> None:
    inner = kid.bare()
    api = ctx.unit.api
    if inner.type.cls is C.POINTER:
        # Only a typedef of the same type can be meant: bpf_user_pt_regs_t.
        if ctx.layout.struct not in api.text(api.getTypeSpelling(api.getCursorType(inner.cursor))).split():
            ctx.add("cast/type-erased", node, provenance=provenance(inner.value), needle=_NEEDLE)
        return
    if inner.value is not None or ctx.constant(inner) is not None or _in_accessor(node, ctx):
        return
    if inner.type.cls is C.VOID_POINTER:
        ctx.add("cast/type-erased", node, needle=_NEEDLE)
    elif inner.type.cls in (C.RECORD_POINTER, C.CONTAINER_POINTER) or _frozen(inner, ctx):
        ctx.add("cast/to-struct", node, bytes=(0, ctx.layout.size), needle=_NEEDLE)
    elif ctx.function in ctx.interfaces.encode:
        ctx.add("unwind/encoded-pointer", node, needle=_NEEDLE)
    elif inner.type.cls in (C.INTEGER, C.DATA_POINTER):
        ctx.add("cast/from-integer", node, needle=_NEEDLE)


def _frozen(node: Node, ctx: Context) -> bool:
    """A pointer to a type whose layout is user ABI, by its typedef: elf_gregset_t *."""
    api = ctx.unit.api
    words = api.text(api.getTypeSpelling(api.getCursorType(node.cursor))).split()
    return not ctx.arch.frozen.isdisjoint(words) and words[-1] == "*"


def _in_accessor(node: Node, ctx: Context) -> bool:
    """The cast is how an accessor such as task_pt_regs finds the object; that is a stack-position."""
    return ctx.written_name(node) in ctx.arch.accessors and ctx.expansion(node) is not None


def _from_object(node: Node, kid: Node, value: Value, ctx: Context) -> None:
    cls = node.type.cls
    use = node.use()
    if cls in (C.RECORD_POINTER, C.CONTAINER_POINTER):
        if kid.type.cls is C.POINTER and not value.moved:
            rule = "cast/larger" if cls is C.CONTAINER_POINTER else "cast/to-struct"
            ctx.add(rule, node, bytes=(0, node.type.step), provenance=provenance(value), needle=_NEEDLE)
    elif cls is C.DATA_POINTER and node.type.step > 1 and kid.type.cls is C.POINTER and _outlives(node, use):
        ctx.add("cast/to-words", node, bytes=(0, ctx.layout.size), provenance=provenance(value), needle=("*",))
    elif (
        cls is C.INTEGER
        and kid.type.cls is C.POINTER
        and not value.anchor
        and not value.moved
        and _is_number(node, use)
    ):
        ctx.add("stack-position/address", node, provenance=provenance(value), caller=True)
    elif cls is C.INTEGER and kid.type.cls is C.POINTER and not value.anchor and not value.moved:
        _remember(node, use, ctx)


def _outlives(node: Node, use: Node | None) -> bool:
    """Handed on as an array of words; kept in a local, its use there is the site."""
    if use is None or node.value is None or node.value.moved:
        return False
    stored = use.kind == K.BINARY_OPERATOR and use.operator == "=" and not is_local(use.kids[0])
    return stored or use.kind in (K.CALL_EXPR, K.RETURN_STMT)


def _remember(node: Node, use: Node | None, ctx: Context) -> None:
    """The address goes into a local variable: what happens to that decides."""
    if use is not None and use.kind == K.VAR_DECL:
        ctx.addresses[decl_key(use.cursor)] = node
    elif use is not None and use.kind == K.BINARY_OPERATOR and use.operator == "=" and is_local(use.kids[0]):
        ctx.addresses[decl_key(use.kids[0].bare().referenced)] = node


@on(K.DECL_REF_EXPR)
def address_in_local(node: Node, ctx: Context) -> None:
    """A local that holds the object's address is compared or passed on as a number."""
    if not ctx.addresses or node.value is None or node.value.moved:
        return
    cast = ctx.addresses.get(decl_key(node.referenced))
    use = node.use()
    if cast is None or use is None:
        return
    compared = use.kind == K.BINARY_OPERATOR and use.operator in ("<", ">", "<=", ">=", "==", "!=", "&")
    if compared or use.kind in (K.CALL_EXPR, K.RETURN_STMT):
        del ctx.addresses[decl_key(node.referenced)]
        ctx.add("stack-position/address", cast, provenance=provenance(node.value), caller=True)


def _is_number(node: Node, use: Node | None) -> bool:
    """The address is used as a number, not as a way to the object's bytes."""
    if use is None or use.kind in (K.CSTYLE_CAST_EXPR, K.VAR_DECL, K.UNARY_OPERATOR):
        return False
    if use.kind == K.BINARY_OPERATOR:
        if use.operator == "=":
            return not is_local(use.kids[0])
        other = use.kids[1] if use.kids[0] is node.wrapped() else use.kids[0]
        if other.constant() is not None and use.operator not in ("+", "-", "&"):
            # Against a number, as IS_ERR does: no place on a stack is meant.
            return False
        if use.operator in ("+", "-"):
            return use.operator == "-" and other.constant() is None and use.value is None
        return True
    return use.kind in (K.CALL_EXPR, K.RETURN_STMT, K.COMPOUND_ASSIGN)


@on(K.UNEXPOSED_EXPR)
def implicit(node: Node, ctx: Context) -> None:
    """void * to the object or back, without a cast."""
    if len(node.kids) != 1:
        return
    to, kid = node.type.cls, node.kids[0]
    source = kid.type.cls
    if (to, source) == (C.POINTER, C.VOID_POINTER):
        error = kid.bare().kind == K.CALL_EXPR and kid.bare().name in ctx.interfaces.error_pointer
        if kid.value is None and ctx.constant(kid.bare()) is None and not error and not is_null(kid):
            ctx.add("cast/type-erased", node, needle=(node.name or "void",))
    elif (to, source) == (C.VOID_POINTER, C.POINTER) and _erases(node, ctx):
        ctx.add("cast/type-erased", node, provenance=provenance(kid.value), needle=(node.name or "void",))


def _erases(node: Node, ctx: Context) -> bool:
    """Passed to a function that is no memory operation, or stored where it outlives the function."""
    use = node.use()
    if use is None:
        return False
    if use.kind == K.BINARY_OPERATOR:
        return use.operator == "=" and not is_local(use.kids[0])
    names = ctx.interfaces
    memory = names.copy | names.clear | names.compare | names.to_user | names.error_pointer
    return use.kind == K.CALL_EXPR and use.name not in memory and ctx.written_in(node, memory) is None


@on(K.UNARY_OPERATOR, K.CALL_EXPR)
def from_container(node: Node, ctx: Context) -> None:
    """&fregs->regs, or a helper that takes the container and yields the object."""
    if node.type.cls is not C.POINTER:
        return
    if node.kind == K.UNARY_OPERATOR:
        inner = node.kids[0].bare() if node.kids else node
        if inner.kind != K.MEMBER_REF_EXPR or node.operator != "&":
            return
        holder = inner.field_owner()
        if not holder and inner.type.cls is C.OBJECT:
            _handed_on(inner, ctx)
    else:
        holder = next((a.type.record for a in node.kids[1:] if a.type.cls is C.CONTAINER_POINTER), "")
    if holder not in ctx.unit.types.containers or ctx.written_name(node) in ctx.arch.accessors:
        return
    node.value = Value(origin=f"container:{holder}")
    ctx.unit.say(Said(handed_on=frozenset({holder})))
    if not _returned(node):
        return
    traits = frozenset({"asm-filled"}) if holder in ctx.unit.asm_filled else frozenset()
    name = node.name if node.kind == K.CALL_EXPR else "&"
    ctx.add("cast/from-container", node, provenance="fabricated", traits=traits, needle=(name,))


def _handed_on(member: Node, ctx: Context) -> None:
    """A member of a struct without a name, declared in this function."""
    for draft in [d for drafts in ctx.drafts.values() for d in drafts]:
        if draft.rule == "embed/member" and decl_key(draft.node.cursor) == decl_key(member.referenced):
            draft.traits |= {"passed-as-object"}


def _returned(node: Node) -> bool:
    use = node.use()
    while use is not None and use.kind == K.CONDITIONAL:
        use = use.use()
    return use is not None and use.kind == K.RETURN_STMT


@on(K.BINARY_OPERATOR)
def container_of(node: Node, ctx: Context) -> None:
    """The object's address minus the offset at which something holds it."""
    if node.operator != "-" or len(node.kids) != 2:
        return
    pointer, number = node.kids
    member = member_of(number.bare()) or member_of(number)
    if member is None or pointer.value is None or pointer.value.place or member.field_owner() == ctx.layout.struct:
        return
    ctx.drop(node, ("raw-offset", "cast"))
    node.value = None
    ctx.add("cast/container-of", node, provenance=provenance(pointer.value), caller=True)
