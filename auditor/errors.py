# SPDX-License-Identifier: GPL-2.0-only
"""The exception family.

Everything the tool raises on purpose is an `AuditorError`; `cli` turns each class into an exit code (DESIGN: 2 usage
or bad input, 3 incomplete). Each message names the file, the place, what was expected and what to do.
"""

from __future__ import annotations


class AuditorError(Exception):
    """Base of all errors that are reported in one line and never as a traceback."""


class UsageError(AuditorError):
    """The command line, a rules file or a proposal cannot be used as given. Exit code 2."""


class InputError(AuditorError):
    """An input (tree, build, compile commands, ELF, BTF, DWARF) is missing, damaged or foreign. Exit code 2."""

    def __init__(self, path: str, problem: str, hint: str = "") -> None:
        self.path = path
        self.problem = problem
        self.hint = hint
        super().__init__(f"{path}: {problem}" + (f" ({hint})" if hint else ""))


class IncompleteError(AuditorError):
    """Something that was asked for could not be read to its end; the rest of the result stands. Exit code 3."""
