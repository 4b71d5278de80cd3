# SPDX-License-Identifier: GPL-2.0-only
"""The command line. Commands are imported when they are called; exit codes are decided in this package only."""

from __future__ import annotations

import sys


def main() -> None:
    """The entry point of the `ptregs-audit` script."""
    from auditor.cli.program import run

    sys.exit(run(sys.argv[1:]))
