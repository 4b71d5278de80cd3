# SPDX-License-Identifier: GPL-2.0-only
"""The whole program on a copy of the minikernel: what it printed, what it returned, what it reported."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.outcome import Outcome, outcome

ROOT = Path(__file__).resolve().parents[2]
FLAGS = "gcc -nostdinc -Iarch/x86/include -Iinclude -Iarch/x86/include/uapi -Iinclude/uapi -D__KERNEL__ "
FLAGS += "-DCONFIG_X86_64=1 -DCONFIG_IA32_EMULATION=1 -std=gnu11"
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH, _PR_CAPBSET_DROP = 1, 2, 24


def audit(*arguments: object, jobs: int = 2, output: Path | None = None) -> Outcome:
    """`ptregs-audit audit ARGUMENTS` in this process, with the report in JSON."""
    target = output or Path(os.environ["XDG_CACHE_HOME"], "report.json")
    return outcome(["audit", *arguments, "--jobs", jobs, "-o", f"json={target}", "-o", "text=-"], target)


def spawn(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """The program in a process of its own, which even as root may read only what its mode allows."""
    command = [sys.executable, "-m", "auditor", *map(str, arguments)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen(command, text=True, env=env, preexec_fn=_ordinary, **streams)


def _ordinary() -> None:
    """A program started from here has no right to override file modes."""
    libc = ctypes.CDLL(None)
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def commands(tree: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((tree / "compile_commands.json").read_text())
    return found


def add_unit(tree: Path, source: str, text: str | bytes | None = None, flags: str = FLAGS) -> None:
    """One more unit: its command, and its source unless `text` is None."""
    if text is not None:
        (tree / source).parent.mkdir(parents=True, exist_ok=True)
        (tree / source).write_bytes(text.encode() if isinstance(text, str) else text)
    output = source.removesuffix(".c") + ".o"
    entry = {"directory": ".", "file": source, "output": output, "arguments": [*flags.split(), "-c", "-o", output]}
    entry["arguments"] += [source]  # type: ignore[operator]
    (tree / "compile_commands.json").write_text(json.dumps([*commands(tree), entry]))
