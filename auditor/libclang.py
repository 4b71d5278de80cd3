# SPDX-License-Identifier: GPL-2.0-only
"""Loading libclang: the wheel's own, or the one named by --libclang or PTREGS_LIBCLANG."""

from __future__ import annotations

import os
from pathlib import Path

from clang import cindex

from auditor.errors import InputError


def use(path: str | None = None) -> None:
    """Choose the library before its first use; a worker process calls this once. InputError: not loadable."""
    chosen = path or os.environ.get("PTREGS_LIBCLANG") or ""
    if chosen and not cindex.Config.loaded:
        if not Path(chosen).is_file():
            raise InputError(chosen, "no such libclang", "give the path of a libclang.so")
        cindex.Config.set_library_file(chosen)
    try:
        cindex.Index.create()
    except cindex.LibclangError as e:
        raise InputError(chosen or "libclang", f"cannot be loaded: {e}", "pip install libclang==18.1.1") from e


def version() -> str:
    """As the library tells it, such as "clang version 18.1.1"."""
    function = cindex.conf.lib.clang_getClangVersion
    function.restype, function.errcheck = cindex._CXString, cindex._CXString.from_result
    return str(function())
