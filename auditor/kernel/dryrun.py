# SPDX-License-Identifier: GPL-2.0-only
"""Compile commands out of what `make -n` prints.

Kbuild wraps each of them: `set -e; echo ...; trap ...; gcc ... -c -o X.o Y.c; objtool ...; fixdep ... 'gcc ...'`
(Linux: scripts/Kbuild.include, scripts/Makefile.build). Only the command itself counts, the quoted copy does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auditor.kernel.recorded import Recorded, recognise
from auditor.kernel.shellwords import statements
from auditor.model import Failure

_LONGEST = 4 << 20
"""Characters of one command. The longest of an x86 allmodconfig are about ten thousand."""


def parse_dry_run(lines: Iterable[str], directory: str, origin: str = "dry run") -> Iterator[Recorded | Failure]:
    """Every compile command in order of appearance, host programs included; a stream in, a stream out.

    `directory` is where make ran them: the build directory. A damaged line that may have been a compile command is
    a Failure that names `origin` and its line.
    """
    for number, line in _joined(lines):
        if " -o " not in line or (" -c " not in line and " -S " not in line):
            continue
        if len(line) > _LONGEST:
            yield Failure(f"{origin}:{number}", f"a command longer than {_LONGEST} characters")
            continue
        try:
            for words in statements(line):
                found = recognise(words, directory)
                if found is not None:
                    yield found
        except ValueError as e:
            yield Failure(f"{origin}:{number}", str(e))


def _joined(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Lines with the ones that a backslash continues put together, and the number of the first."""
    parts: list[str] = []
    first, size = 0, 0
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        first = first if parts else number
        continued = (len(text) - len(text.rstrip("\\"))) % 2 == 1 and size < _LONGEST
        parts.append(text[:-1] if continued else text)
        size += len(text)
        if not continued:
            yield first, "".join(parts)
            parts, size = [], 0
    if parts:
        yield first, "".join(parts)
