# SPDX-License-Identifier: GPL-2.0-only
"""Which verdicts are findings: from one verdict on, or for some kinds of dependence from another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.vocabulary import Verdict

NEVER = "never"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """`kinds` goes before `default`; None: no verdict is a finding."""

    default: Verdict | None = Verdict.BREAK
    kinds: Mapping[str, Verdict | None] = field(default_factory=dict)

    def of(self, kind: str) -> Verdict | None:
        return self.kinds.get(kind, self.default)

    def reached(self, kind: str, verdict: Verdict) -> bool:
        lowest = self.of(kind)
        return lowest is not None and verdict.rank >= lowest.rank

    def __str__(self) -> str:
        """`break`, `abi or worse`, `break (uapi-export: abi or worse, callback: never)`."""
        kinds = ", ".join(f"{k}: {_words(v)}" for k, v in sorted(self.kinds.items()))
        return _words(self.default) + (f" ({kinds})" if kinds else "")


def _words(lowest: Verdict | None) -> str:
    if lowest is None:
        return NEVER
    return lowest.value if lowest is Verdict.BREAK else f"{lowest.value} or worse"


def thresholds(chosen: Verdict | Thresholds) -> Thresholds:
    return chosen if isinstance(chosen, Thresholds) else Thresholds(chosen)
