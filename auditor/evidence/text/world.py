# SPDX-License-Identifier: GPL-2.0-only
"""Whose struct a line is about: by the file's place in the tree, by what it includes, by the conditionals around it.

the kernel's own struct of the audited architecture      no trait
the sibling's (i386), which the same proposals change    `sibling`
another architecture's                                    `struct-of=ARCH`
the copy that user space compiles against                `user-twin`
any, through CO-RE relocations                            `relocated`
"""

from __future__ import annotations

import bisect
import posixpath
import re
import sys
from dataclasses import dataclass

from auditor.arch import Arch
from auditor.evidence.text.declared import includes
from auditor.evidence.text.words import ArchWords, Words

_DIRECTIVE = re.compile(rb"^[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else|endif)\b((?:[^\\\n]|\\.|\\\n)*)", re.M | re.S)
_NAME = re.compile(r"(!\s*)?(?:defined\b\s*\(?\s*|IS_ENABLED\s*\(\s*|IS_REACHABLE\s*\(\s*)?\b([A-Za-z_]\w*)\s*\)?")
_ARCH_IN_PATH = re.compile(r"(?:^|/)(?:arch|selftests)/([^/]+)/(um/)?")
_DEPTH = 400


@dataclass(frozen=True, slots=True)
class Told:
    """What conditionals say of a line. `arch` is empty where they say nothing, `against` too."""

    arch: str = ""
    against: str = ""


_NOTHING = Told()


@dataclass(frozen=True, slots=True)
class World:
    """One file's answers. `arch`: of the file; empty: any."""

    arch: str
    against: str
    lines: tuple[int, ...]
    told: tuple[Told, ...]
    audited: str
    sibling: str

    def branch(self, line: int) -> tuple[int, int]:
        """The lines around this one without a conditional between them."""
        place = bisect.bisect_right(self.lines, line)
        return self.lines[place - 1], self.lines[place] - 1 if place < len(self.lines) else sys.maxsize

    def traits(self, line: int) -> frozenset[str]:
        told = self.told[bisect.bisect_right(self.lines, line) - 1] if self.lines else _NOTHING
        arch = self.arch if self.arch not in ("", self.audited) else told.arch or self.arch
        traits = set()
        if arch == self.sibling:
            traits.add("sibling")
        elif arch not in ("", self.audited):
            return frozenset({f"struct-of={arch}"})
        against = told.against or self.against
        if against == "user":
            # The sibling's user space has its own copy, which a change of the audited struct never meets.
            return frozenset({f"struct-of={arch}"}) if "sibling" in traits else frozenset({"user-twin"})
        if against == "relocated":
            traits.add("relocated")
        return frozenset(traits)


def world_of(
    path: str,
    data: bytes,
    arch: Arch,
    own: ArchWords,
    words: Words,
    architectures: frozenset[str],
    relocated: frozenset[str] = frozenset(),
) -> World:
    """`architectures`: names that a directory `arch/NAME` or `selftests/NAME` may have. `relocated`: headers through
    which a file includes relocated types."""
    file_arch = _arch_of(path, arch, own, architectures)
    top = path.partition("/")[0]
    included = includes(data)
    beside = {posixpath.normpath(posixpath.join(posixpath.dirname(path), i)) for i in included}
    against = "kernel"
    if {posixpath.basename(i) for i in included} & words.relocated_headers or beside & relocated:
        against = "relocated"
    elif top in words.user_space and not included & words.module_headers:
        against = "user"
    lines, told = _conditionals(data, words, arch.id, own.sibling if file_arch == arch.id else "")
    return World(file_arch, against, lines, told, arch.id, own.sibling)


def _arch_of(path: str, arch: Arch, own: ArchWords, architectures: frozenset[str]) -> str:
    match = _ARCH_IN_PATH.search(path)
    if match is None or (match.group(1) not in architectures and match.group(1) != arch.directory):
        return ""
    name = match.group(1)
    if name == arch.directory:
        if match.group(2):
            return "um"
        return own.sibling if own.sibling and path.endswith(own.sibling_files) else arch.id
    return name


def _conditionals(data: bytes, words: Words, audited: str, sibling: str) -> tuple[tuple[int, ...], tuple[Told, ...]]:
    """From which line on which answer holds."""
    lines, told = [0], [_NOTHING]
    open_branches: list[tuple[Told, list[str]]] = []
    now = _NOTHING
    line, counted = 1, 0
    for match in _DIRECTIVE.finditer(data):
        line += data.count(b"\n", counted, match.start())
        counted = match.start()
        word, text = match.group(1).decode(), match.group(2).decode("latin-1")
        if word.startswith("if"):
            if len(open_branches) >= _DEPTH:
                break
            condition = f"!{text.strip()}" if word == "ifndef" else text
            open_branches.append((now, [condition]))
            now = _under(now, (), condition, words, audited, sibling)
        elif not open_branches:
            continue
        elif word == "endif":
            now, _ = open_branches.pop()
        else:
            before, failed = open_branches[-1]
            condition = text if word == "elif" else ""
            now = _under(before, tuple(failed), condition, words, audited, sibling)
            failed.append(condition)
        lines.append(line)
        told.append(now)
    return tuple(lines), tuple(told)


def _under(before: Told, failed: tuple[str, ...], condition: str, words: Words, audited: str, sibling: str) -> Told:
    arch, against = before.arch, before.against
    for text in failed:
        wrong = _single(text)
        if wrong is None:
            # Of several names that were asked together, all may be false only where they were joined by "or".
            if "||" in text and any(n in words.against for _, n in _names(text)):
                against = "user"
            continue
        negated, name = wrong
        if words.conditions.get(name) == audited and not negated and sibling:
            arch = sibling
        elif words.conditions.get(name) == sibling and sibling and not negated:
            arch = audited
        elif negated and name in words.conditions:
            arch = words.conditions[name]
        if name in words.against:
            against = words.against[name] if negated else "user"
    named = _names(condition)
    if not named or ("&&" in condition and "||" in condition):
        return Told(arch, against)
    wanted = {words.conditions[n] for negated, n in named if n in words.conditions and not negated}
    refused = {words.conditions[n] for negated, n in named if n in words.conditions and negated}
    others = [n for _, n in named if n not in words.conditions and n not in words.against]
    either = "||" in condition
    if len(wanted) == 1 and not (either and others):
        arch = next(iter(wanted))
    elif wanted and either and not others and audited not in wanted:
        arch = sorted(wanted)[0]
    elif not wanted and audited in refused and sibling and not either:
        arch = sibling
    asked = {(negated, words.against[n]) for negated, n in named if n in words.against}
    if len(asked) == 1 and not (either and others):
        ((negated, value),) = asked
        against = "user" if negated else value
    return Told(arch, against)


def _names(condition: str) -> list[tuple[bool, str]]:
    return [(bool(n), name) for n, name in _NAME.findall(condition) if name not in ("defined", "IS_ENABLED")]


def _single(condition: str) -> tuple[bool, str] | None:
    named = _names(condition)
    return named[0] if len(named) == 1 else None
