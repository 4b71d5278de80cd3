# SPDX-License-Identifier: GPL-2.0-only
"""Inline ignores in a real audit: found on its one walk over the tree, and kept with its facts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.asking import SOURCE, Asking
from tests.e2e.helpers import audit
from tests.e2e.test_what_if import what_if
from tests.outcome import Outcome

FAULT = "arch/x86/mm/fault.c"
RULE = "raw-offset/below"


def append(path: Path, text: str) -> None:
    with path.open("a") as stream:
        stream.write(text)


def above(tree: Path, file: str, line: int, comment: str) -> None:
    """A comment alone above a line."""
    text = (tree / file).read_text().split("\n")
    text.insert(line - 1, comment)
    (tree / file).write_text("\n".join(text))


def line_of(outcome: Outcome, file: str, rule: str) -> int:
    (found,) = [s["line"] for s in outcome.report["sites"] if (s["file"], s["rule"]) == (file, rule)]
    return int(found)


def wrong(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(w["file"], w["problem"], w["rule"]) for w in report["wrong_ignores"]]


def test_one_place_is_ignored_and_stays_in_the_report(tree: Path, sound: Outcome) -> None:
    above(tree, FAULT, line_of(sound, FAULT, RULE), f"\t/* ptregs-audit: ignore[{RULE}] by decree */")
    found = audit(tree, "--path", FAULT, "--kind", "raw-offset", "--proposal", "auxiliary")
    assert (found.code, wrong(found.report)) == (0, [])
    (site,) = [s for s in found.report["sites"] if s["suppressed"]]
    assert (site["file"], site["rule"]) == (FAULT, RULE)
    assert site["suppressed"]["reason"] == "by decree"
    assert audit(tree, "--path", FAULT, "--kind", "raw-offset", "--proposal", "insert-head").code == 1


def test_wrong_ones_are_findings_where_the_audit_looked(tree: Path) -> None:
    append(tree / FAULT, "\nint x; /* ptregs-audit: ignore[size/copy] gone */\n")
    append(tree / FAULT, "#ifdef NEVER\nint y; /* ptregs-audit: ignore[size/copy] elsewhere */\n#endif\n")
    append(tree / "arch/arm64/kernel/ptrace.c", "int z; /* ptregs-audit: ignore[size/copy] elsewhere */\n")
    append(tree / "arch/x86/entry/entry_64.S", "\tnop # ptregs-audit: ignore[size/copy] elsewhere\n")
    append(tree / "arch/arm64/kernel/ptrace.c", "int z; /* ptregs-audit: ignore[size/cpoy] elsewhere */\n")
    found = audit(tree, "--proposal", "fred-frame", "--path", "arch/x86/mm", "--fail-on", "break")
    assert wrong(found.report) == [
        ("arch/arm64/kernel/ptrace.c", "unknown-rule", "size/cpoy"),
        (FAULT, "unused", "size/copy"),
    ]
    assert found.code == 1
    assert "no place of size/copy is here" in found.out


def test_another_structs_audit_says_nothing_of_unused_ones(tree: Path) -> None:
    append(tree / FAULT, "\nint x; /* ptregs-audit: ignore[size/copy] gone */\n")
    header = tree.parent / "after.h"
    header.write_text("struct task_struct { int more; };\n")
    assert wrong(audit(tree, "--struct", "task_struct", "--after-header", header).report) == []


def test_they_are_kept_with_the_facts(asking: Asking) -> None:
    first = asking.again()
    append(asking.tree / SOURCE, "int x; /* ptregs-audit: ignore[size/copy] gone */\n")
    second = asking.again()
    assert second == asking.anew() != first
    third = asking.again()
    assert (third, asking.collected) == (second, [])
    assert wrong(json.loads(third)) == [(SOURCE, "unused", "size/copy")]


def test_a_comment_in_a_file_that_no_unit_reads(asking: Asking) -> None:
    """Only the text index sees it; nothing is parsed for it."""
    asking.again()
    append(asking.tree / "lib/more.h", "/* ptregs-audit: ignore[no/such] x */\n")
    second = asking.again()
    assert asking.parsed == []
    assert second == asking.anew()
    assert wrong(json.loads(second)) == [("lib/more.h", "unknown-rule", "no/such")]


def test_what_if_needs_no_tree(small: Path) -> None:
    append(small / SOURCE, "int x; /* ptregs-audit: ignore[size/copy] gone */\n")
    cache = small.parent / "kept"
    told = audit(small, "--cache", cache)
    shutil.rmtree(small)
    asked = what_if(cache=cache)
    assert asked.report == told.report
    assert wrong(asked.report) == [(SOURCE, "unused", "size/copy")]


@pytest.mark.parametrize("known", [True, False])
def test_a_baseline_of_an_audit(small: Path, known: bool) -> None:
    from auditor.cli.program import run

    cache, path = small.parent / "kept", small.parent / "b.json"
    words = ["baseline", "create", str(small), "--cache", str(cache), "--baseline", str(path)]
    assert run([*words, "--reason", "known", "--author", "A"]) == 0
    if not known:
        append(small / SOURCE, "unsigned long more(struct pt_regs *r) { return *(unsigned long *)((char *)r + 8); }\n")
    found = audit(small, "--cache", cache, "--baseline", path, "--strict")
    assert found.code == (0 if known else 1)
    states = [
        s["function"] for s in found.report["sites"] for v in s["verdicts"].values() if v.get("baseline") == "new"
    ]
    assert set(states) == (set() if known else {"more"})
    asked = what_if("--baseline", path, "--strict", cache=cache)
    assert (asked.code, asked.report) == (found.code, found.report)
