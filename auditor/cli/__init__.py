# SPDX-License-Identifier: GPL-2.0-only
"""The command line. Commands are imported when they are called; exit codes are decided in this package only."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys


def main() -> None:
    """The entry point of the `ptregs-audit` script."""
    # A process of seconds, whose objects live until its end: looking for cycles among what modules make costs a fifth
    # of importing them.
    gc.disable()
    from auditor.cli.exits import INTERRUPTED
    from auditor.cli.program import run

    received: list[int] = []

    def end(number: int, _: object) -> None:
        received.append(number)
        raise KeyboardInterrupt

    # As Ctrl-C: workers end, and temporary files go.
    signal.signal(signal.SIGTERM, end)
    code = run(sys.argv[1:])
    if code == INTERRUPTED:
        # The threads that served the killed workers may still be closing their pipes: the interpreter's own end
        # would wait for them and print what they stumble over.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(128 + received[0] if received else code)
    sys.exit(code)
