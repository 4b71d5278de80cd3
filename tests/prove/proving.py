# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit prove` on a small tree, in this process: what it printed, returned and wrote."""

from __future__ import annotations

from pathlib import Path

from tests.outcome import Outcome, outcome


def prove(where: Path, *arguments: object) -> Outcome:
    """With a report in `where`."""
    target = where / "proved.json"
    return outcome(["prove", *arguments, "--list", "-o", f"json={target}"], target)
