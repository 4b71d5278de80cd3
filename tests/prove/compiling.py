# SPDX-License-Identifier: GPL-2.0-only
"""Objects for the tests, made by the C compiler that the kernel's own objects are made with."""

from __future__ import annotations

import subprocess
from pathlib import Path


def compiled(path: Path, text: str, *flags: str) -> Path:
    """The object of a C text, beside its source."""
    path.write_text(text)
    made = path.with_suffix(".o")
    subprocess.run(["gcc", "-O2", "-c", *flags, "-o", made, path], check=True, stdin=subprocess.DEVNULL)
    return made
