# SPDX-License-Identifier: GPL-2.0-only
"""One compile command as a build recorded it: which words are the compiler, the source and the object."""

from __future__ import annotations

import os.path
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_COMPILER = re.compile(r"(?:[\w.+-]+-)?(?:gcc|cc|clang)(?:-\d+(?:\.\d+)*)?")
_LAUNCHERS = frozenset({"ccache", "sccache", "distcc", "icecc", "env"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SOURCES = (".c", ".S", ".s")
_OBJECTS = (".o", ".s")

VALUE_OPTIONS = frozenset({
    "-A", "-B", "-D", "-F", "-G", "-I", "-L", "-MF", "-MJ", "-MQ", "-MT", "-T", "-U", "-Xanalyzer",
    "-Xassembler", "-Xclang", "-Xlinker", "-Xpreprocessor", "-arch", "-aux-info", "-dumpbase", "-dumpdir", "-e",
    "-idirafter", "-imacros", "-imultilib", "-include", "-iprefix", "-iquote", "-isysroot", "-isystem",
    "-iwithprefix", "-iwithprefixbefore", "-l", "-load", "-mllvm", "-o", "-plugin", "-specs", "-target", "-u",
    "-wrapper", "-x", "-z", "--param", "--sysroot", "--target",
})  # fmt: skip
"""Options of gcc and clang whose value may be the next word; such a word is never a source file."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """`source` and `object` as written in the command, relative to `directory`; `arguments` follow the compiler."""

    directory: str
    compiler: str
    arguments: tuple[str, ...]
    source: str
    object: str

    @property
    def is_assembly(self) -> bool:
        return not self.source.endswith(".c")


def recognise(words: Sequence[str], directory: str, compiles: bool = False) -> Recorded | None:
    """The command if it compiles or assembles one file, else None: linking, preprocessing, another program.

    `-S` counts: asm-offsets.c and bounds.c are compiled to assembly (Linux: Kbuild). A program linked in one step
    (`-o relocs`) does not, unless the caller knows that the command `compiles`: a compile_commands.json by hand
    often has neither -c nor -o. ValueError: a word cannot be handed on (NUL, not UTF-8).
    """
    start = _compiler_index(words)
    if start is None:
        return None
    arguments = tuple(map(sys.intern, words[start + 1 :]))
    if "-E" in arguments or not (compiles or "-c" in arguments or "-S" in arguments):
        return None
    source, output = _files(arguments)
    if not source:
        return None
    if not output or (compiles and not output.endswith(_OBJECTS)):
        # Not the compiler's default, which is the same for files of one name.
        output = os.path.splitext(source)[0] + ".o"
    if not output.endswith(_OBJECTS):
        return None
    for word in (directory, *arguments):
        _check(word)
    return Recorded(directory, words[start], arguments, source, output)


def _compiler_index(words: Sequence[str]) -> int | None:
    for i, word in enumerate(words):
        name = os.path.basename(word)
        if name not in _LAUNCHERS and not _ASSIGNMENT.match(word):
            return i if _COMPILER.fullmatch(name) else None
    return None


@lru_cache(maxsize=1 << 16)
def _files(arguments: tuple[str, ...]) -> tuple[str, str]:
    # Asked for the same command whenever its source is.
    source = output = ""
    words = iter(arguments)
    for word in words:
        if word == "-o":
            output = next(words, "")
        elif word in VALUE_OPTIONS:
            next(words, "")
        elif word.startswith("-o") and word.endswith(_OBJECTS):
            output = word[2:]
        elif not word.startswith(("-", "@")) and word.endswith(_SOURCES):
            source = word
    return source, output


def source_argument(arguments: tuple[str, ...]) -> str:
    """The file that the command compiles, as written; "" if it names none."""
    return _files(arguments)[0]


def _check(word: str) -> None:
    if "\0" in word:
        raise ValueError("a word of the command contains NUL")
    if not word.isascii():
        try:
            word.encode()
        except UnicodeEncodeError:
            raise ValueError("a word of the command is not UTF-8") from None
