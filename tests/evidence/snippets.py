# SPDX-License-Identifier: GPL-2.0-only
"""Small C files through the real libclang and the real `Analyser`; they include the cases' stand-in for a kernel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from auditor.evidence.c.job import Job, Result
from auditor.evidence.c.unit import Analyser
from auditor.kinds.dispatch import table
from auditor.model import Site

CASES = Path(__file__).parents[2] / "fixtures" / "cases"
FLAGS = ("-nostdinc", "--target=x86_64-linux-gnu", "-std=gnu11", "-w", "-ferror-limit=0", f"-I{CASES}")
PRELUDE = '#include "pt_regs.h"\n'


def write(directory: Path, files: Mapping[str, str | bytes]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def job(directory: Path, name: str, *flags: str) -> Job:
    source = str(directory / name)
    arguments = (*FLAGS, *flags)
    return Job(source, name + ".o", str(directory), arguments, str(directory), "pt_regs", "x86_64", frozenset())


def analyse(directory: Path, files: Mapping[str, str | bytes], *flags: str, analyser: Analyser | None = None) -> Result:
    """The first of the files is the unit."""
    write(directory, files)
    return (analyser or Analyser(table())).analyse(job(directory, next(iter(files)), *flags))


def own_sites(result: Result) -> list[Site]:
    """Sites of the snippet's own files, in the order of their places."""
    sites = [f.site for f in result.found if not f.site.file.startswith("/")]
    return sorted(sites, key=lambda s: (s.file, s.line, s.column, s.rule))


def sites_of(directory: Path, code: str, *flags: str) -> list[Site]:
    """Sites of one C file that starts with line 2."""
    result = analyse(directory, {"a.c": PRELUDE + code}, *flags)
    assert result.error == ""
    return own_sites(result)


def told(directory: Path, code: str) -> list[tuple[str, tuple[int, int] | None]]:
    """(rule, bytes) of each site."""
    return [(s.rule, s.bytes) for s in sites_of(directory, code)]
