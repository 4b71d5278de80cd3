# SPDX-License-Identifier: GPL-2.0-only
"""`make C=2 CHECK="ptregs-audit check"` on a real kernel, in a copy of its build."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import consumers
from tests.realkernel.conftest import Audited
from tests.reports.test_checkpatch import LINE

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).resolve().parents[2]
PTRACE, RSEQ, STRING = "arch/x86/kernel/ptrace.c", "kernel/rseq.c", "lib/string.c"


@pytest.fixture(scope="module")
def build(audited: Audited, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("make") / "build"
    shutil.copytree(audited.build, copy, symlinks=True)
    return copy


def make(audited: Audited, build: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = build.parent / "ptregs-audit"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m auditor "$@"\n')
    program.chmod(0o755)
    command = ["make", "-C", str(audited.tree), f"O={build}", f"CHECK={program} check", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


def breaking(audited: Audited, file: str) -> set[str]:
    # The lines that this configuration leaves out are not what is compiled.
    sites = (s for s in audited.report["sites"] if s["file"] == file and s["evidence"] == "semantic")
    return {s["id"] for s in sites if any(v["verdict"] == "break" for v in s["verdicts"].values())}


def test_each_unit_says_what_the_audit_says_and_the_build_goes_on(audited: Audited, build: Path) -> None:
    watched = [d / n for d in (audited.tree, audited.build) for n in (".", "kernel", "arch/x86/kernel", "lib")]
    before = [d.stat().st_mtime_ns for d in watched]
    objects = [str(Path(f).with_suffix(".o")) for f in (PTRACE, RSEQ, STRING)]
    done = make(audited, build, "C=2", *objects)
    assert done.returncode == 0, done.stderr
    lines = [x for x in done.stderr.splitlines() if LINE.fullmatch(x)]
    for file in (PTRACE, RSEQ, STRING):
        assert re.search(rf"CHECK .*{file}$", done.stdout, re.M)
        found = {x.rsplit("[", 1)[1].rstrip("]") for x in lines if x.startswith(f"{audited.tree}/{file}:")}
        assert found == breaking(audited, file), file
    assert breaking(audited, PTRACE)
    assert all(Path(x.split(":")[0]).is_file() for x in lines)
    assert [d.stat().st_mtime_ns for d in watched] == before


def test_the_build_stops_if_asked_to(audited: Audited, build: Path) -> None:
    target = str(Path(PTRACE).with_suffix(".o"))
    assert make(audited, build, "-s", "C=2", "CF=--werror", target).returncode != 0
    quiet = make(audited, build, "-s", "C=2", "CF=--werror --proposal extended --fail-on break", "lib/string.o")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    wrong = make(audited, build, "-s", "C=2", "CF=--proposal nothing", target)
    assert wrong.returncode != 0
    assert "nothing" in wrong.stderr


def test_checkpatch_writes_such_lines(audited: Audited, tmp_path: Path) -> None:
    perl, script = consumers.program("perl"), audited.tree / "scripts/checkpatch.pl"
    (tmp_path / "a.c").write_text("int  f( void ){return 1 ;}\n")
    command = [perl, str(script), "--no-tree", "--terse", "--showfile", "--show-types", "--no-summary", "-f", "a.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert len(lines) > 2
    assert [x for x in lines if not LINE.fullmatch(x)] == []
