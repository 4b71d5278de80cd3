# SPDX-License-Identifier: GPL-2.0-only
"""The terminal: whether to colour, what may be printed, and the progress line."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Mapping
from typing import TextIO

# Control characters (C0, DEL, C1), invisible and direction-changing ones, line separators, lone surrogates: none of
# them may reach a terminal or a page from source text, file names or proposals.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")

_STYLES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2"}


def printable(text: str) -> str:
    """One line that is safe to print: whatever could steer a terminal or hide text is shown as an escape."""
    return _UNSAFE.sub(lambda m: _escape(ord(m[0])), text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def styled(text: str, *styles: str, colour: bool) -> str:
    if not colour:
        return text
    return "".join(f"\x1b[{_STYLES[s]}m" for s in styles) + text + "\x1b[0m"


def use_colour(choice: str, is_terminal: bool, env: Mapping[str, str]) -> bool:
    """The answer to --color=auto|always|never.

    In auto: NO_COLOR forbids (https://no-color.org: when not empty), FORCE_COLOR and CLICOLOR_FORCE demand (0 does
    not), else a terminal that is not dumb gets colours.
    """
    if choice != "auto":
        return choice == "always"
    if env.get("NO_COLOR"):
        return False
    if any(env.get(name, "") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return is_terminal and env.get("TERM") != "dumb"


class Progress:
    """One line on stderr that says which unit is being parsed; silent unless stderr is a terminal that can redraw."""

    INTERVAL = 0.1

    def __init__(self, stream: TextIO, env: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self._on = stream.isatty() and env.get("TERM") != "dumb"
        self._columns = int(env["COLUMNS"]) if env.get("COLUMNS", "").isdigit() else _columns(stream)
        self._drawn = 0.0

    def __call__(self, done: int, total: int, current_unit: str) -> None:
        now = time.monotonic()
        if not self._on or now - self._drawn < self.INTERVAL:
            return
        self._drawn = now
        line = f"[{done}/{total}] {printable(current_unit)}"
        self._stream.write("\r\x1b[K" + line[: max(self._columns - 1, 10)])
        self._stream.flush()

    def close(self) -> None:
        """Leave no trace on the screen."""
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._drawn = 0.0


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def discard_stdout() -> None:
    """Send what is still buffered for stdout nowhere, so that the interpreter's last flush cannot fail."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
