# SPDX-License-Identifier: GPL-2.0-only
"""One spelling of C types for every source, so that layouts from C, BTF and DWARF compare equal.

The spelling is clang's: `unsigned long`, `struct task_struct *`, `int (*)(void *)`, `char[16]`. An unnamed struct that
is the type of a named member is `struct {...}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORDS = frozenset({"long", "short", "int", "char", "signed", "unsigned", "__int128"})
_UNNAMED = re.compile(r"\b(struct|union|enum) (?:[\w:]*::)?\((?:unnamed|anonymous)[^\n]*? at [^\n]*?:\d+:\d+\)")
_STARS = r"\*(?:\*|const|volatile|restrict| )*"
_INNERMOST = re.compile(rf"\({_STARS}(?:\({_STARS})*")
"""The place of the name in a pointer to a function or an array: after the innermost of the first run of stars."""
_TYPE_TAG = re.compile(r"\s*__attribute__\(\(btf_type_tag\(\"[^\"]*\"\)\)\)")


def base_name(name: str) -> str:
    """`long unsigned int`, as gcc writes it, is `unsigned long`; a name that is no C integer type stays as it is."""
    words = name.split()
    if not words or not _WORDS.issuperset(words):
        return name
    sign = "unsigned " if "unsigned" in words else ""
    if "char" in words:
        return "signed char" if "signed" in words else f"{sign}char"
    if "__int128" in words:
        return f"{sign}__int128"
    core = " ".join(w for w in words if w in {"long", "short"}) or "int"
    return sign + core


def from_clang(spelling: str) -> str:
    """clang's spelling without file positions of unnamed types and without BTF type tags.

    `[0]` becomes `[]`: debug information has one form for both.
    """
    return _TYPE_TAG.sub("", _UNNAMED.sub(r"\1 {...}", spelling)).replace("[0]", "[]")


@dataclass(frozen=True, slots=True)
class Declarator:
    """A type as the text before and after the place where C writes the name."""

    before: str
    after: str = ""
    binds_loosely: bool = False
    """An array or a function: a pointer to it needs parentheses."""

    def text(self) -> str:
        gap = " " if self.after.startswith("(") and not self.before.endswith("*") else ""
        return self.before + gap + self.after

    def pointer(self) -> Declarator:
        gap = "" if self.before.endswith("*") else " "
        if self.binds_loosely:
            return Declarator(f"{self.before}{gap}(*", ")" + self.after)
        return Declarator(f"{self.before}{gap}*", self.after)

    def array(self, count: int | None) -> Declarator:
        return Declarator(self.before, f"[{'' if count is None else count}]" + self.after, True)

    def function(self, parameters: list[str]) -> Declarator:
        return Declarator(self.before, f"({', '.join(parameters)})" + self.after, True)

    def qualified(self, qualifiers: set[str]) -> Declarator:
        words = " ".join(q for q in ("const", "volatile", "restrict") if q in qualifiers)
        if not words:
            return self
        if self.before.endswith("*"):
            return Declarator(self.before + words, self.after, self.binds_loosely)
        return Declarator(f"{words} {self.before}", self.after, self.binds_loosely)


def declare(type_name: str, name: str) -> str:
    """A declaration of `name`, from a spelling of this module: ("char[16]", "comm") is `char comm[16]`."""
    inner = _INNERMOST.search(type_name)
    if inner is not None:
        at = inner.end()
        gap = " " if type_name[at - 1].isalpha() else ""
        return type_name[:at] + gap + name + type_name[at:]
    at = type_name.find("[")
    if at >= 0:
        head = type_name[:at]
        return f"{head}{'' if head.endswith('*') else ' '}{name}{type_name[at:]}"
    return f"{type_name}{'' if type_name.endswith('*') else ' '}{name}"
