# SPDX-License-Identifier: GPL-2.0-only
"""A unit, a store, and what one finds of the other."""

from __future__ import annotations

import time
from pathlib import Path

from auditor.evidence.c.job import Job, Result
from auditor.evidence.c.unit import Analyser
from auditor.facts.store import Store
from auditor.kinds.dispatch import table
from tests.evidence.snippets import PRELUDE, job, write

ASKED = "#if __has_include(<asked.h>)\nint asked;\n#endif\n"
SOURCE = (
    PRELUDE + ASKED + '#include "own.h"\n#include <found.h>\nlong f(struct pt_regs *regs) { return regs->ip + OWN; }\n'
)


def make_unit(tmp_path: Path) -> Job:
    write(tmp_path, {"a.c": SOURCE, "own.h": "#define OWN 1\n", "two/found.h": "\n", "one/other.h": "\n"})
    (tmp_path / "one/found.h").symlink_to(tmp_path / "nowhere.h")
    return job(tmp_path, "a.c", f"-isystem{tmp_path}/two", f"-I{tmp_path}/one")


def opened(path: Path, version: str = "1", started: float | None = None) -> Store:
    return Store(path, version, time.time() + 60 if started is None else started)


def analysed(unit: Job) -> Result:
    result = Analyser(table()).analyse(unit)
    assert result.error == ""
    return result


def kept(path: Path, unit: Job) -> Result:
    result = analysed(unit)
    store = opened(path)
    store.add(unit, result)
    store.close()
    assert store.warnings == []
    return result


def found(path: Path, unit: Job, version: str = "1") -> Result | None:
    store = opened(path, version)
    result = store.known([unit]).get(unit.object)
    store.close()
    assert store.warnings == []
    return result
