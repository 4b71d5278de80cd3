# SPDX-License-Identifier: GPL-2.0-only
"""A recorded compile command as one that writes nothing but a given object: rules/compile-flags.toml."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from auditor.data import read_toml, rules_dir
from auditor.errors import IncompleteError, InputError

_SOURCES = (".c", ".S", ".s")


@dataclass(frozen=True, slots=True)
class _Words:
    exact: frozenset[str]
    valued: tuple[str, ...]
    prefix: tuple[str, ...]


def compiling(arguments: Sequence[str], where: str) -> tuple[str, ...]:
    """The words that decide what code comes out, the source among them.

    IncompleteError names the word that is not handed on: one that loads, runs or writes something, or an unknown one.
    """
    return tuple(_kept(arguments, where))


def _kept(arguments: Sequence[str], where: str) -> Iterator[str]:
    passed, dropped, refused, languages = _rules()
    words = iter(arguments)
    for word in words:
        if not word.startswith(("-", "@")) and word.endswith(_SOURCES):
            yield word
        elif word in dropped.exact:
            continue
        elif word in dropped.valued:
            next(words, "")
        elif word in passed.valued:
            value = next(words, "")
            if word == "-x" and value not in languages:
                raise _not_run(f"{word} {value}", where)
            yield word
            yield value
        elif word.startswith(refused.prefix) and not (word.startswith(_excepted(passed, refused)) and _single(word)):
            if not word.startswith(dropped.prefix):
                raise _not_run(word, where)
        elif word.startswith((*dropped.prefix, *dropped.valued)):
            continue
        elif word in passed.exact or word.startswith((*passed.prefix, *_joined(passed))):
            yield word
        else:
            raise _not_run(word, where)


def _single(word: str) -> bool:
    """-Wa,-one hands on one option; -Wa,-one,-two would be two."""
    return word.count(",") == 1


def _excepted(passed: _Words, refused: _Words) -> tuple[str, ...]:
    """Prefixes that make an exception from a refused one: -Wa,-m from -Wa,."""
    return tuple(p for p in passed.prefix if any(p.startswith(r) for r in refused.prefix))


def _joined(passed: _Words) -> tuple[str, ...]:
    """-DNAME and -Idir; other values are joined with `=` and stand among the prefixes, or are words of their own."""
    return tuple(v for v in passed.valued if v in ("-D", "-U", "-I", "-isystem", "-iquote", "-idirafter"))


def _not_run(word: str, where: str) -> IncompleteError:
    return IncompleteError(f"{where}: its command has {word[:200]}, which is not handed to the compiler")


def include_directories(arguments: Sequence[str], directory: str) -> Iterator[str]:
    """Where the command looks for headers, as real paths."""
    options = ("-I", "-isystem", "-iquote", "-idirafter")
    words = iter(arguments)
    for word in words:
        option = next((o for o in options if word.startswith(o)), "")
        if option:
            yield os.path.realpath(os.path.join(directory, word[len(option) :] or next(words, "")))


@cache
def _rules() -> tuple[_Words, _Words, _Words, frozenset[str]]:
    path = rules_dir() / "compile-flags.toml"
    data = read_toml(path)
    try:
        languages = frozenset(data["language"]["names"])
        return _words(data["pass"]), _words(data["drop"]), _words(data["refuse"]), languages
    except KeyError as e:
        raise InputError(str(path), f"key {e.args[0]!r} is missing") from e
    except (TypeError, AttributeError) as e:
        raise InputError(str(path), f"a value has the wrong type: {e}") from e


def _words(table: dict[str, list[str]]) -> _Words:
    return _Words(frozenset(table.get("exact", ())), tuple(table.get("valued", ())), tuple(table["prefix"]))


def compiler_path(name: str, forbidden: Sequence[Path], where: str) -> str:
    """The compiler's absolute path. IncompleteError: not found, or a file of the audited tree or build.

    A tree could bring along a program of that name.
    """
    searched = [name] if os.sep in name else [os.path.join(d, name) for d in search_path()]
    found = next((p for p in searched if os.path.isabs(p) and os.path.isfile(p) and os.access(p, os.X_OK)), None)
    if found is None:
        raise IncompleteError(f"{where}: its compiler {name} is not installed, or not named by an absolute path")
    real = Path(os.path.realpath(found))
    if any(real.is_relative_to(f) for f in forbidden):
        raise IncompleteError(f"{where}: its compiler {name} lies in the audited tree or build, and is not run")
    return found


def search_path() -> list[str]:
    """The directories of PATH, but for those that count from wherever we are."""
    return [d for d in os.environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(d)]
