# SPDX-License-Identifier: GPL-2.0-only
"""compile_commands.json (https://clang.llvm.org/docs/JSONCompilationDatabase.html), read entry by entry.

The file of an allyesconfig has 200 MB; it is never in memory as a whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from auditor.errors import InputError
from auditor.kernel.recorded import Recorded, recognise
from auditor.kernel.shellwords import statements
from auditor.model import Failure

_EXPECTED = "a compile_commands.json was expected"
_CHUNK = 1 << 20
_LONGEST_ENTRY = 8 << 20
_LARGEST_FILE = 2 << 30
_BETWEEN = " \t\r\n"


def read_compdb(path: Path, names: Collection[str] | None = None) -> Iterator[Recorded | Failure]:
    """Every compile command of the file, as a stream.

    InputError: unreadable, empty, not UTF-8, not JSON, not a list, or too large. A damaged entry is a Failure that
    names it by number (from 1); an entry for anything but C and assembly is left out, and so is a file that has none of
    these `names`.
    """
    where = str(path)
    if not path.is_file():
        raise InputError(where, "no such file" if not path.exists() else "not a regular file", _EXPECTED)
    try:
        size = path.stat().st_size
        if not 0 < size <= _LARGEST_FILE:
            raise InputError(where, "empty" if not size else f"larger than {_LARGEST_FILE >> 30} GiB", _EXPECTED)
        with path.open(encoding="utf-8") as f:
            for number, entry in enumerate(_entries(f, where), 1):
                if names is not None and _passed_over(entry, names):
                    continue
                yield from _command(entry, path.parent, f"{path.name}: entry {number}")
    except OSError as e:
        raise InputError(where, e.strerror or "cannot be read") from e
    except UnicodeDecodeError as e:
        raise InputError(where, f"not UTF-8 ({e.reason})", _EXPECTED) from e


def write_compdb(path: Path, commands: Iterable[Recorded]) -> int:
    """Write the commands as one entry per line, in the form `read_compdb` and clangd read; returns their number.

    The file appears under its name only when it is complete. InputError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    count = 0
    try:
        with temporary.open("w", encoding="utf-8") as f:
            for c in commands:
                entry = {"directory": c.directory, "file": c.source, "output": c.object}
                f.write(",\n" if count else "[\n")
                f.write(json.dumps(entry | {"arguments": [c.compiler, *c.arguments]}))
                count += 1
            f.write("\n]\n" if count else "[]\n")
        os.replace(temporary, path)
    except OSError as e:
        raise InputError(str(path), f"cannot be written: {e.strerror}") from e
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _entries(f: IO[str], where: str) -> Iterator[Any]:
    """The members of the one array in `f`. Only the text of the entry being decoded is kept."""
    decode = json.JSONDecoder().raw_decode
    text = f.read(_CHUNK).lstrip("\ufeff" + _BETWEEN)
    if not text.startswith("["):
        raise InputError(where, "not a JSON list of commands", _EXPECTED)
    consumed, at, first = 0, 1, True
    while True:
        at = _skip(text, at)
        if at == len(text):
            more = f.read(_CHUNK)
            if not more:
                raise InputError(where, f"ends at character {consumed + at}, inside the list", "is the file complete?")
            consumed, text, at = consumed + at, more, 0
            continue
        if text[at] == "]":
            return
        if not first:
            if text[at] != ",":
                raise InputError(where, f"not JSON at character {consumed + at + 1}: expected ',' or ']'")
            at += 1
        first = False
        text, skipped = text[at:], at
        consumed += skipped
        entry, at, text = _decode(f, text, decode, where, consumed)
        yield entry


def _decode(f: IO[str], text: str, decode: Any, where: str, consumed: int) -> tuple[Any, int, str]:
    """One value at the start of `text`, with more text read until it is whole."""
    while True:
        start = _skip(text, 0)
        try:
            entry, end = decode(text, start)
            if end < len(text):
                return entry, end, text
            problem = "unexpected end"
        except json.JSONDecodeError as e:
            problem = f"{e.msg} at character {consumed + e.pos + 1}"
        except RecursionError:
            raise InputError(where, f"nested too deeply after character {consumed + 1}", _EXPECTED) from None
        more = f.read(_CHUNK) if len(text) < _LONGEST_ENTRY else ""
        if not more:
            raise InputError(where, f"not JSON: {problem}", _EXPECTED)
        text += more


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BETWEEN:
        at += 1
    return at


def _command(entry: Any, parent: Path, name: str) -> Iterator[Recorded | Failure]:
    if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
        yield Failure(name, "not an object with a 'file'")
        return
    file, directory = entry["file"], entry.get("directory", "")
    try:
        words = _words(entry)
        if not isinstance(directory, str):
            raise ValueError("'directory' is not a string")
        found = recognise(words, os.path.normpath(parent.absolute() / directory), compiles=True)
    except ValueError as e:
        yield Failure(_printable(file), f"{name}: {e}")
        return
    if found is not None:
        yield found
    elif file.endswith(".c"):
        yield Failure(_printable(file), f"{name}: its command does not run a C compiler on a C file")


def _passed_over(entry: Any, names: Collection[str]) -> bool:
    file = entry.get("file") if isinstance(entry, dict) else None
    return isinstance(file, str) and file.rpartition("/")[2] not in names


def _words(entry: dict[str, Any]) -> list[str]:
    arguments, command = entry.get("arguments"), entry.get("command")
    if isinstance(arguments, list) and arguments and all(isinstance(a, str) for a in arguments):
        return arguments
    if arguments is None and isinstance(command, str):
        return next(statements(command), [])
    raise ValueError("neither 'arguments' (a list of strings) nor 'command' (a string)")


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
