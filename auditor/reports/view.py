# SPDX-License-Identifier: GPL-2.0-only
"""How a report is to be shown: what the command line knows and the report does not."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.gate.thresholds import Thresholds
from auditor.model import Verdict


@dataclass(frozen=True, slots=True)
class View:
    """`limit`: rows per list, None for all. `seconds`: how long the audit took, where somebody measured it. `url`:
    where the full report can be read, if that is known."""

    threshold: Verdict | Thresholds = Verdict.BREAK
    limit: int | None = 50
    colour: bool = False
    width: int = 100
    seconds: float | None = None
    url: str = ""


DEFAULT = View()
