# SPDX-License-Identifier: GPL-2.0-only
"""Kbuild's `.cmd` files: the command that made each object, kept beside it.

The first line is `cmd_OBJECT := COMMAND`, since 6.3 `savedcmd_OBJECT := COMMAND` (Linux: scripts/basic/fixdep.c,
scripts/Kbuild.include make-cmd, which escapes `#` and `$` for make).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from auditor.kernel.recorded import Recorded, recognise
from auditor.kernel.shellwords import statements
from auditor.model import Failure

_NAME = re.compile(r"\..+\.cmd")
_FIRST_LINE = re.compile(rb"(?:saved)?cmd_([^ ]+\.[os]) := ([^\n]*)")
_MAKE_ESCAPE = re.compile(r"\\#|\$\(pound\)|\$\$")
_MAKE_TEXT = {"\\#": "#", "$(pound)": "#", "$$": "$"}
_LONGEST = 1 << 20
_NOT_KBUILD = frozenset({".git", "Documentation", "include", "tools"})
"""Top directories without kernel objects; tools/ writes `.cmd` files of another form."""


def read_cmd_files(directory: Path) -> Iterator[Recorded | Failure]:
    """The compile commands of a build, directory by directory in name order. Links and special files are not read.

    A file that cannot be read or understood is a Failure and hides no other.
    """
    for path in _cmd_files(os.fspath(directory)):
        name = os.path.relpath(path, directory)
        try:
            with open(path, "rb") as f:
                line = f.readline(_LONGEST)
            yield from parse_cmd(line, os.fspath(directory))
        except OSError as e:
            yield Failure(os.fsencode(name).decode("utf-8", "backslashreplace"), e.strerror or "cannot be read")
        except ValueError as e:
            yield Failure(os.fsencode(name).decode("utf-8", "backslashreplace"), f"not a Kbuild command: {e}")


def parse_cmd(line: bytes, directory: str) -> Iterator[Recorded]:
    """The compile command in the first line of a `.cmd` file, if there is one. ValueError: damaged."""
    match = _FIRST_LINE.match(line)
    if match is None:
        return
    if len(line) >= _LONGEST:
        raise ValueError(f"longer than {_LONGEST} bytes")
    text = _MAKE_ESCAPE.sub(lambda m: _MAKE_TEXT[m[0]], match[2].decode())
    for words in statements(text):
        found = recognise(words, directory)
        if found is not None:
            yield found


def _cmd_files(top: str) -> Iterator[str]:
    for where, directories, files in os.walk(top, followlinks=False):
        skipped = _NOT_KBUILD if where == top else {".git"}
        directories[:] = sorted(d for d in directories if d not in skipped)
        for name in sorted(files):
            path = os.path.join(where, name)
            if _NAME.fullmatch(name) and os.path.isfile(path) and not os.path.islink(path):
                yield path
