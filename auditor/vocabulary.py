# SPDX-License-Identifier: GPL-2.0-only
"""The words of a command line: verdicts and kinds. They stand apart so that --help needs no more than them."""

from __future__ import annotations

import enum


class Verdict(enum.Enum):
    """What a proposal does to a site, from harmless to harmful; `rank` orders them."""

    SAFE = "safe"
    REBUILD = "rebuild"
    REVIEW = "review"
    BUILD_FAILS = "build-fails"
    ABI = "abi"
    BREAK = "break"

    def __init__(self, _: str) -> None:
        self.rank = len(type(self).__members__)


KINDS = (
    "field", "raw-offset", "offsetof", "order", "size", "stack-position", "cast", "embed", "fabricated", "asm-offset",
    "asm-literal", "uapi-export", "bpf-ctx", "unwind", "assert", "callback",
)  # fmt: skip
