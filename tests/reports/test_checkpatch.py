# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.model import Verdict
from auditor.reports.checkpatch import type_of
from auditor.reports.view import View
from tests import consumers
from tests.reports.factory import BPF, GUARD, OFFSET, READ, make_report
from tests.reports.test_gated import gated
from tests.reports.written import clean, hostile, written

# What `checkpatch.pl --terse --showfile --show-types` writes; held against the real one in tests/realkernel.
LINE = re.compile(r"(?P<file>[^:]+):(?P<line>[1-9]\d*): (ERROR|WARNING|CHECK):(?P<type>[A-Z0-9_]+): (?P<message>.+)")


def test_one_line_for_each_finding_by_place() -> None:
    assert written("checkpatch", make_report()) == (
        "include/frame.h:3: ERROR:STACK_POSITION_BELOW: break under extended: reads the extension [72808a5cf598]\n"
        "lib/raw.c:12: ERROR:RAW_OFFSET_CONSTANT: break under insert-head: offset 8 is `ip` today and `bx` then "
        "[a69275099cae]\n"
    )


@pytest.mark.parametrize(("judged", "level"), [(OFFSET, "ERROR"), (BPF, "ERROR"), (GUARD, "WARNING"), (READ, "CHECK")])
def test_levels(judged: object, level: str) -> None:
    (line,) = written("checkpatch", make_report(judged), View(Verdict.REBUILD)).splitlines()  # type: ignore[arg-type]
    assert f": {level}:" in line


def test_nothing_to_say_is_nothing() -> None:
    assert written("checkpatch", clean(READ)) == ""


def test_what_is_known_is_left_out_and_wrong_ignores_are_not() -> None:
    assert written("checkpatch", gated()) == "lib/<b>.c:7: WARNING:IGNORE_MALFORMED: expected more\n"


def test_filters_narrow_it() -> None:
    assert written("checkpatch", make_report(path=("lib",))).startswith("lib/raw.c:12:")
    assert written("checkpatch", make_report(path=("nowhere",))) == ""


def test_hostile_texts_stay_on_their_line() -> None:
    (line,) = written("checkpatch", hostile()).splitlines()
    assert LINE.fullmatch(line)
    assert not re.search("[\x00-\x1f\u202e\udc80]", line)


def test_a_colon_and_a_missing_line() -> None:
    odd = replace(OFFSET, site=replace(OFFSET.site, file="a:7: b.c", line=0))
    found = LINE.fullmatch(written("checkpatch", make_report(odd)).strip())
    assert found and (found["file"], found["line"]) == ("a\\x3a7\\x3a b.c", "1")


def test_types() -> None:
    assert type_of("raw-offset/past-end") == "RAW_OFFSET_PAST_END"


def test_vim_finds_the_places(tmp_path: Path) -> None:
    vim = consumers.program("vim")
    errors, out = tmp_path / "errors", tmp_path / "out"
    errors.write_text(written("checkpatch", make_report()))
    said = "map(getqflist(), {_, v -> join([bufname(v.bufnr), v.lnum, v.valid], ' ')})"
    arguments = [a for c in (f"cgetfile {errors}", f"call writefile({said}, '{out}')", "qa!") for a in ("-c", c)]
    command = [vim, "-u", "NONE", "-N", "-es", "--not-a-term", *arguments]
    subprocess.run(command, timeout=30, check=False, stdin=subprocess.DEVNULL, cwd=tmp_path, capture_output=True)
    if not out.exists():
        consumers.missing("this vim has no quickfix list")
    assert out.read_text().splitlines() == ["include/frame.h 3 1", "lib/raw.c 12 1"]
