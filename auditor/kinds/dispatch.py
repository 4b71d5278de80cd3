# SPDX-License-Identifier: GPL-2.0-only
"""The dispatch table: cursor kind -> what the kinds have to say about it, in order.

A handler runs when a node and everything below it has its value. Larger patterns run after smaller ones and may take
back what those left below them (`Context.drop`), so that one expression makes one site.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import cache

from auditor.evidence.c.api import K
from auditor.evidence.c.flow import Handler

# The order in which handlers of one cursor kind run.
_MODULES = (
    "field", "offsetof", "size", "cast", "raw_offset", "order", "stack_position", "unwind", "fabricated", "embed",
    "uapi_export", "bpf_ctx", "callback", "asserts",
)  # fmt: skip

_registered: dict[int, list[Handler]] = {}


def on(*kinds: K) -> Callable[[Handler], Handler]:
    """Registers a function for these cursor kinds."""

    def register(handler: Handler) -> Handler:
        for kind in kinds:
            _registered.setdefault(int(kind), []).append(handler)
        return handler

    return register


@cache
def table() -> Mapping[int, list[Handler]]:
    for module in _MODULES:
        importlib.import_module(f"auditor.kinds.{module}")
    return _registered
