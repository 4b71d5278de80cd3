# SPDX-License-Identifier: GPL-2.0-only
"""A recorded gcc or clang command as arguments for libclang: an allowlist, rules/clang-flags.toml.

The command comes from a tree that is not trusted. Nothing that loads, runs or writes a file passes; what is dropped
is counted, so that a report can say what the parse did not see.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from auditor.arch import Arch
from auditor.data import read_toml, rules_dir
from auditor.errors import InputError
from auditor.kernel.recorded import VALUE_OPTIONS
from auditor.kernel.units import source_path
from auditor.model import Unit

OTHER_DIRECTORIES = ("-isystem", "-iquote", "-idirafter")
DIRECTORIES = ("-I", *OTHER_DIRECTORIES)
_PLAIN = re.compile(r"[\w.+=-]*", re.ASCII)
_PRECOMPILED = (".pch", ".gch")
_SILENT = frozenset({"-c", "-S", "-o"})
"""Part of every command, replaced by the parse itself: not worth a count."""


@dataclass(frozen=True, slots=True)
class Flags:
    """`arguments` hold neither the source nor an output. `dropped`: {option without its value: times}."""

    arguments: tuple[str, ...]
    dropped: Counter[str]


@dataclass(frozen=True, slots=True)
class _Rules:
    macro: tuple[str, ...]
    directory: tuple[str, ...]
    file: tuple[str, ...]
    compiler_directories: tuple[str, ...]
    languages: frozenset[str]
    exact: frozenset[str]
    prefix: tuple[str, ...]
    never: frozenset[str]
    define: tuple[str, ...]


def searched(arguments: Sequence[str], directory: str) -> tuple[str, ...]:
    """The directories, absolute, in which a command looks for headers; its value may stand apart from an option."""
    found: dict[str, None] = {}
    for argument, following in zip(arguments, (*arguments[1:], ""), strict=True):
        option = next((o for o in DIRECTORIES if argument.startswith(o)), None)
        if option is not None:
            named = argument.removeprefix(option) or following
            found[os.path.normpath(os.path.join(directory, named))] = None
    return tuple(found)


def clang_arguments(unit: Unit, arch: Arch, extra: Sequence[str] = (), roots: Iterable[Path] = ()) -> Flags:
    """What libclang is given for `unit`, with paths as they are and `-working-directory=` for the relative ones.

    `-include` and `-imacros` pass if the file exists below the build, the tree (both found from the unit), one of
    `roots` or a compiler's own directory. `extra` is the caller's and trusted; it follows the unit's own flags.
    """
    rules = _rules()
    allowed = _Roots(unit, (*map(str, roots), *rules.compiler_directories))
    kept: list[str] = []
    dropped: Counter[str] = Counter()
    for option, value in _options(unit.arguments, rules):
        if _passes(option, value, rules, allowed):
            kept.append(option + value)
        elif option not in _SILENT and not _is_source(option):
            dropped[option.partition("=")[0].partition(",")[0]] += 1
    own = (f"--target={arch.target}", "-w", "-ferror-limit=0", f"-working-directory={unit.directory}")
    return Flags((*kept, *rules.define, *extra, *own), dropped)


def _options(arguments: Sequence[str], rules: _Rules) -> Iterator[tuple[str, str]]:
    """(option, value): the value is taken off where an option of the rules or one with a separate value has one."""
    valued = (*rules.file, *rules.macro, *rules.directory, "-x")
    words = iter(arguments)
    for word in words:
        joined = max((o for o in valued if word.startswith(o)), key=len, default="")
        if word in VALUE_OPTIONS:
            yield word, next(words, "")
        elif joined and word not in rules.exact:
            yield joined, word[len(joined) :]
        else:
            yield word, ""


def _passes(option: str, value: str, rules: _Rules, allowed: _Roots) -> bool:
    if option in rules.macro or option in rules.directory:
        return value not in ("", "-")
    if option in rules.file:
        return allowed.contain(value)
    if option == "-x":
        return value in rules.languages
    if value or option in rules.never:
        return False
    return option in rules.exact or any(
        option.startswith(p) and _PLAIN.fullmatch(option, len(p)) is not None for p in rules.prefix
    )


def _is_source(word: str) -> bool:
    return not word.startswith(("-", "@")) and word.endswith((".c", ".S", ".s"))


class _Roots:
    """The directories whose files a command may read before the source."""

    def __init__(self, unit: Unit, more: Iterable[str]) -> None:
        self._directory = unit.directory
        path = os.fspath(source_path(unit))
        # The unit's source is relative to the tree and its command names the file: the difference is the tree.
        inside = not os.path.isabs(unit.source) and os.path.normpath(path).endswith(os.sep + unit.source)
        tree = os.path.normpath(path)[: -len(unit.source)] if inside else ""
        linked = os.path.join(unit.directory, "source")
        roots = [unit.directory, tree, linked if os.path.islink(linked) else "", *more]
        self._roots = tuple(sorted({_real(r) + os.sep for r in roots if r}))

    def contain(self, file: str) -> bool:
        if not file or file.startswith("-"):
            return False
        path = os.path.join(self._directory, file)
        if any(os.path.lexists(path + suffix) for suffix in _PRECOMPILED):
            # clang would read that one instead: a syntax tree that somebody has prepared.
            return False
        return os.path.isfile(path) and _real(path).startswith(self._roots)


@lru_cache(maxsize=4096)
def _real(path: str) -> str:
    return os.path.realpath(path)


@cache
def _rules() -> _Rules:
    path = rules_dir() / "clang-flags.toml"
    data = read_toml(path)
    try:
        return _Rules(
            macro=tuple(data["values"]["macro"]),
            directory=tuple(data["values"]["directory"]),
            file=tuple(data["values"]["file"]),
            compiler_directories=tuple(data["compiler"]["directories"]),
            languages=frozenset(data["language"]["names"]),
            exact=frozenset(data["exact"]["words"]),
            prefix=tuple(data["prefix"]["words"]),
            never=frozenset(data["prefix"]["never"]),
            define=tuple(w for d in data["define"] for w in d["words"]),
        )
    except KeyError as e:
        raise InputError(str(path), f"key {e.args[0]!r} is missing") from e
    except TypeError as e:
        raise InputError(str(path), f"a value has the wrong type: {e}") from e
