# SPDX-License-Identifier: GPL-2.0-only
"""The functions of a unit as its syntax tree has them: who names whom, and how each may be compiled."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from auditor.evidence.c.api import Cursor, K
from auditor.evidence.c.calls import Function
from auditor.evidence.c.context import Unit
from auditor.kernel.includes import closure

_WORD = re.compile(r"[A-Za-z_]\w*")
# CX_StorageClass, CX_SC_Static
_STATIC = 3
_ALWAYS = ("__always_inline",)
_NEVER = ("noinline", "__weak")
_ALIAS = ("alias|__alias|__alias__",)


def note(cursor: Cursor, text: str, references: Iterable[Cursor], unit: Unit) -> str:
    """Takes note of a function and gives its name. `text`: its own, empty where a macro makes it; `references`: the
    expressions in it that name something."""
    api = unit.api
    name = str(api.text(api.getCursorSpelling(cursor)))
    made = unit.place_of(cursor)
    kind = api.text(api.getTypeSpelling(api.getCursorType(cursor)))
    if not api.isCursorDefinition(cursor):
        if not text and api.children(cursor, (K.UNEXPOSED_ATTR,)) and _macro_writes(_ALIAS, made, unit):
            # libclang does not say whose attribute it is; a function that has a body, too, is defined by that.
            unit.functions.setdefault(name, Function(name, False, False, 0, (), made, alias=True, type=kind))
        return name
    head = text.partition("{")[0]
    inline = bool(api.Cursor_isFunctionInlined(cursor))
    unit.functions[name] = Function(
        name=name,
        inline=inline,
        static=api.Cursor_getStorageClass(cursor) == _STATIC,
        size=len(text),
        refers=tuple(sorted(Counter(_called(references, unit)).items())),
        made=made,
        always=inline and ("always_inline" in head if text else _macro_writes(_ALWAYS, made, unit)),
        never=any(word in head for word in _NEVER),
        type=kind,
    )
    return name


def _called(references: Iterable[Cursor], unit: Unit) -> Iterator[str]:
    api = unit.api
    for reference in references:
        if api.getCursorReferenced(reference).kind == K.FUNCTION_DECL:
            yield api.text(api.getCursorSpelling(reference))


def _macro_writes(token: tuple[str, ...], made: tuple[str, int], unit: Unit) -> bool:
    """Whether the macro that is expanded there writes the token, through others too."""
    macro = unit.sources.get(made[0]).identifier(made[1])
    return unit.expansions.find(macro, token, 0, False) is not None


def look_at_callers(
    left: Sequence[tuple[Cursor, str]], writers: Iterable[str], unit: Unit, macros: Callable[[str], Iterable[str]]
) -> None:
    """Of the unit's own functions that were not walked, those whose code may hold a site by what they call.

    `left`: each with its text, as in `note`; `writers`: the functions that write a site; `macros`: those that write a
    name. The text names a function that holds a site, or such a macro; whether it is called, the syntax tree knows.
    What a macro makes may name what is written nowhere.
    """
    callers: dict[str, list[str]] = {}
    for function in unit.functions.values():
        for name, _ in function.refers:
            callers.setdefault(name, []).append(function.name)
    names = set(writers)
    waiting = [(cursor, text, frozenset(_WORD.findall(text))) for cursor, text in left]
    while names:
        names = closure(names, lambda name: (*callers.get(name, ()), *macros(name)))
        fresh = [w for w in waiting if not w[1] or not names.isdisjoint(w[2])]
        waiting = [w for w in waiting if w[1] and names.isdisjoint(w[2])]
        for cursor, text, _ in fresh:
            caller = note(cursor, text, unit.api.references(cursor), unit)
            for name, _ in unit.functions[caller].refers:
                callers.setdefault(name, []).append(caller)
        if not fresh:
            break
