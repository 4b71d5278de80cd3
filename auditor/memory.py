# SPDX-License-Identifier: GPL-2.0-only
"""Memory of a process that reads much and then becomes many."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """For what makes many objects and no cycles: the collector would walk over all of them again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def return_unused() -> None:
    """Memory of what is used no more goes back to the system where that can be asked for (glibc): a fork is as large as
    its parent."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
