# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit prove` on a tree: each outcome, each way to fail, and nothing written."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import jsonschema
import pytest

from tests.e2e.helpers import FLAGS, ROOT, add_unit, audit, commands, spawn
from tests.outcome import Outcome
from tests.prove.proving import prove

SCHEMA = json.loads((ROOT / "auditor/reports/report.schema.json").read_text())
SOURCE = """#include <linux/kernel.h>
#include <linux/ptrace.h>
#include <linux/build_bug.h>
unsigned long named(struct pt_regs *regs) { return regs->ip; }
unsigned long by_hand(struct pt_regs *regs) { return *(unsigned long *)((char *)regs + 8 * 16); }
void show(struct pt_regs *regs) { void (*shown)(void *) = (void (*)(void *))16; shown(regs); }
"""
GUARDED = """#include <linux/kernel.h>
#include <linux/ptrace.h>
#include <linux/build_bug.h>
unsigned long *guarded(struct pt_regs *regs, int n)
{
	BUILD_BUG_ON(offsetof(struct pt_regs, r15) != 0);
	return &regs->r15 + n;
}
"""
FILE = "drivers/misc/proved.c"


def small(tree: Path, text: str = SOURCE, flags: str = f"{FLAGS} -O2") -> Path:
    """The tree with one unit of these lines, and audited."""
    (tree / "compile_commands.json").write_text("[]")
    add_unit(tree, FILE, text, flags)
    assert audit(tree).code in (0, 1)
    return tree


def proved(tree: Path, *arguments: object, proposal: str = "insert-head") -> Outcome:
    return prove(tree.parent, *(arguments or ["--all"]), "--proposal", proposal)


def test_a_member_by_name_follows_and_a_number_does_not(tree: Path) -> None:
    found = proved(small(tree), "--file", FILE)
    assert found.code == 0, found.out
    notes = found.notes()
    assert notes[FILE, 4] == ("proved", f"proved for insert-head: follows: named in {FILE[:-1]}o: changed")
    evidence, note = notes[FILE, 5]
    assert evidence == "proved" and "does not follow: by_hand" in note
    assert "0 contradicted; 0 changes without a site" in found.out
    assert "compiler (gcc) twice" in found.err and "units: 1" in found.err


def test_the_report_stays_what_the_schema_says(tree: Path) -> None:
    found = proved(small(tree))
    jsonschema.Draft202012Validator(SCHEMA).validate(found.report)


def test_a_guard_fires_with_its_message(tree: Path) -> None:
    found = proved(small(tree, GUARDED))
    assert found.code == 0, found.out
    evidence, note = found.notes()[FILE, 6]
    assert evidence == "proved"
    assert "guard fires" in note and f"{FILE} stops: " in note and "offsetof(struct pt_regs, r15) != 0" in note
    assert "guard fires" in found.notes()[FILE, 7][1]


def test_a_guard_does_not_fire_where_it_need_not(tree: Path) -> None:
    found = proved(small(tree, GUARDED), proposal="append-tail")
    assert found.code == 0, found.out
    assert "unchanged" in found.notes("append-tail")[FILE, 6][1]


def test_a_wrong_verdict_is_a_loud_contradiction(tree: Path) -> None:
    """Only a report that is wrong can show it: one in which the two verdicts are exchanged."""
    small(tree)
    path = tree.parent / "cache/ptregs-audit/last-report.json"
    report = json.loads(path.read_text())
    for site in report["sites"]:
        if site["file"] == FILE and site["line"] in (4, 5):
            site["verdicts"]["insert-head"]["verdict"] = "rebuild" if site["line"] == 5 else "safe"
    path.write_text(json.dumps(report))
    found = proved(tree)
    assert found.code == 1
    assert found.out.startswith("Contradictions: the auditor is wrong here")
    assert found.out.count("CONTRADICTS") == 2
    notes = found.notes()
    assert notes[FILE, 4][1].startswith("contradicted for insert-head: follows")
    assert notes[FILE, 5][1].startswith("contradicted for insert-head: does not follow")
    assert {notes[FILE, n][0] for n in (4, 5)} == {"semantic"}
    assert "there is no other site in it" in found.out


def test_one_finding_by_its_id(tree: Path) -> None:
    small(tree)
    report = json.loads((tree.parent / "cache/ptregs-audit/last-report.json").read_text())
    wanted = next(s["id"] for s in report["sites"] if s["line"] == 4 and s["file"] == FILE)
    found = proved(tree, wanted[:8])
    assert found.code == 0 and len(found.notes()) == 1


def test_a_file_that_only_uses_inline_functions_of_headers(tree: Path) -> None:
    text = SOURCE.replace("regs->ip", "instruction_pointer(regs)")
    small(tree, text)
    add_unit(tree, "drivers/misc/other.c", text, f"{FLAGS} -O2")
    audit(tree)
    found = proved(tree, "--file", FILE)
    assert found.code == 0, found.out
    assert "units: 1" in found.err
    assert any("follows: named in" in note for _, note in found.notes().values())


def test_nothing_is_written_to_the_tree(tree: Path) -> None:
    small(tree, flags=f"{FLAGS} -O2 -MMD -save-temps -fdump-tree-all")
    before = {p: p.stat().st_mtime_ns for p in tree.rglob("*")}
    assert proved(tree).code == 0
    assert {p: p.stat().st_mtime_ns for p in tree.rglob("*")} == before


def test_the_minikernel_itself(tree: Path) -> None:
    assert audit(tree).code == 1
    found = proved(tree)
    assert found.notes()["arch/x86/kernel/ptrace.c", 36][0] == "proved"
    assert "does not follow" in found.notes()["arch/x86/kernel/kprobes.c", 54][1]
    assert "sizeof(struct pt_regs) == 168" in found.notes()["arch/x86/mm/fault.c", 43][1]
    assert "offsetof(struct pt_regs, ip) == 128" in found.notes()["arch/x86/mm/fault.c", 44][1]
    # What arrives at run time, from code that follows, leaves its user as it is.
    assert re.findall(r"^(\S+):\d+:\d+ .*\n.*CONTRADICTS", found.out, re.M) == [
        "arch/x86/kernel/kprobes.c", "kernel/trace/trace_kprobe.c"
    ]  # fmt: skip
    assert re.findall(r"^  (\w+) in \S+: changed, and no site", found.out, re.M) == []


@pytest.mark.parametrize("proposal", ["extended", "auxiliary"])
def test_what_only_assembly_changes_cannot_be_proved(tree: Path, proposal: str) -> None:
    found = proved(small(tree), proposal=proposal)
    assert found.code == 2
    found.complains(f"{proposal} cannot be proved", "assembly")


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        ([], "name findings"),
        (["--all", "abcdef"], "name findings"),
        (["0123456789ab", "--file", FILE], "is not the id of a finding"),
        (["--file", "nowhere.c"], "no site of"),
    ],
)
def test_bad_usage(tree: Path, arguments: list[str], fragment: str) -> None:
    small(tree)
    found = prove(tree.parent, *arguments, "--proposal", "insert-head")
    assert found.code == 2
    found.complains(fragment)


def test_what_no_unit_compiles_is_no_part_of_a_proof(tree: Path) -> None:
    (tree / "kernel/left.c").write_text("long f(struct pt_regs *regs)\n{\n\treturn regs->ip;\n}\n")
    found = proved(small(tree))
    assert ("kernel/left.c", "syntactic") in {(s["file"], s["evidence"]) for s in found.report["sites"]}
    count = sum(s["evidence"] != "syntactic" for s in found.report["sites"])
    assert f"insert-head: {count} sites in 1 units" in found.out
    alone = proved(tree, "--file", "kernel/left.c")
    assert alone.code == 2
    alone.complains("kernel/left.c", "read as text")


def test_without_a_report(tmp_path: Path) -> None:
    found = prove(tmp_path, "--all", "--proposal", "insert-head")
    assert found.code == 2
    found.complains("run an audit first")


def test_a_report_from_elsewhere_does_not_choose_the_tree(tree: Path) -> None:
    small(tree)
    report = tree.parent / "cache/ptregs-audit/last-report.json"
    found = proved(tree, "--all", "--report", report)
    assert found.code == 2
    found.complains("--tree")
    assert proved(tree, "--all", "--report", report, "--tree", tree).code == 0


def test_another_configuration_is_refused(tree: Path) -> None:
    small(tree)
    with (tree / ".config").open("a") as config:
        config.write("CONFIG_MORE=y\n")
    found = proved(tree)
    assert found.code == 2
    found.complains("configuration", "audit again")


def test_a_proposal_that_was_not_judged_is_refused(tree: Path) -> None:
    small(tree)
    assert audit(tree, "--proposal", "append-tail").code in (0, 1)
    found = proved(tree)
    assert found.code == 2
    found.complains("no verdicts for insert-head")


def rewritten(tree: Path, words: list[str], compiler: str = "gcc") -> None:
    """The unit's command from now on."""
    entry = commands(tree)[-1]
    entry["arguments"] = [compiler, *words, "-c", "-o", entry["output"], FILE]
    (tree / "compile_commands.json").write_text(json.dumps([entry]))


WORDS = [*FLAGS.split()[1:], "-O2"]


@pytest.mark.parametrize(
    ("words", "compiler", "why"),
    [
        (WORDS, "x86_64-nowhere-gcc", "is not installed"),
        ([*WORDS, "-fplugin=evil.so"], "gcc", "-fplugin=evil.so, which is not handed to the compiler"),
        ([*WORDS, "-fno-such-option"], "gcc", "does not compile before the change: "),
        ([*WORDS, "-DCONFIG_X86_64=1", "-include", "gone.h"], "gcc", "gone.h"),
    ],
)
def test_a_unit_that_does_not_compile_is_lost_and_told(tree: Path, words: list[str], compiler: str, why: str) -> None:
    small(tree)
    rewritten(tree, words, compiler)
    found = proved(tree)
    assert found.code == 3, found.out
    assert "Not compiled or not compared" in found.out and why in found.out
    assert "0 verdicts decided" in found.out and "Traceback" not in found.err


def test_a_lost_unit_hides_no_other(tree: Path) -> None:
    small(tree)
    add_unit(tree, "drivers/misc/other.c", SOURCE, f"{FLAGS} -O2")
    audit(tree)
    (tree / "drivers/misc/other.c").write_text("#error gone\n")
    found = proved(tree)
    assert found.code == 3
    assert "drivers/misc/other.c:1: #error gone" in found.out
    assert found.notes()[FILE, 4][0] == "proved"


def test_a_unit_whose_command_is_gone_is_told(tree: Path) -> None:
    small(tree)
    add_unit(tree, "drivers/misc/other.c", SOURCE, f"{FLAGS} -O2")
    audit(tree)
    (tree / "compile_commands.json").write_text(json.dumps(commands(tree)[:-1]))
    found = proved(tree)
    assert found.code == 3
    assert "drivers/misc/other.c: has no compile command any more" in found.out


def fake(tree: Path, body: str) -> None:
    """The unit's compiler is a script from now on, in which `real` is the real one."""
    path = tree.parent / "bin/gcc"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nreal() {{ exec /usr/bin/gcc "$@"; }}\nfor last; do :; done\n{body}\n')
    path.chmod(0o755)
    rewritten(tree, WORDS, str(path))


@pytest.mark.parametrize(
    ("body", "arguments", "why"),
    [
        ("sleep 60", ["--time-limit", "1"], "takes longer than 1 seconds"),
        ("echo 'cc1: out of memory allocating 4 bytes'; exit 1", ["--memory-limit", "500"], "more than 500 MiB"),
        ('/usr/bin/gcc "$@"; printf damaged >"$last"', [], "is not an ELF object"),
        ('/usr/bin/gcc "$@"; : >"$last"', [], "is empty"),
        ("exit 0", [], "No such file"),
        ('case "$*" in *prove-*/b\\ *) kill -SEGV $$;; esac; real "$@"', [], "ended by signal 11"),
    ],
)
def test_a_compiler_that_misbehaves(tree: Path, body: str, arguments: list[str], why: str) -> None:
    small(tree)
    fake(tree, body)
    found = proved(tree, "--all", *arguments)
    assert found.code == 3, found.out
    assert why in found.out
    assert "0 verdicts decided" in found.out and "Traceback" not in found.err


BESIDE = SOURCE.replace("#include <linux/ptrace.h>", '#include "../../arch/x86/include/asm/ptrace.h"')


def test_an_include_past_the_overlay_is_no_proof(tree: Path) -> None:
    small(tree)
    add_unit(tree, "drivers/misc/other.c", BESIDE, f"{FLAGS} -O2")
    audit(tree)
    found = proved(tree)
    assert found.code == 3
    assert "drivers/misc/other.c: reads" in found.out and "past the changed copy" in found.out
    assert found.notes()[FILE, 4][0] == "proved"


def test_no_unit_that_reads_the_overlay(tree: Path) -> None:
    found = proved(small(tree, BESIDE))
    assert found.code == 2
    found.complains("no unit shows a definition", "past the changed copy")


def test_a_struct_in_a_source_file_cannot_be_overlaid(tree: Path) -> None:
    text = "struct own { long a; long b; };\nlong f(struct own *o) { return o->b; }\n"
    (tree / "compile_commands.json").write_text("[]")
    add_unit(tree, FILE, text, f"{FLAGS} -O2")
    proposal = tree.parent / "own.toml"
    proposal.write_text((ROOT / "rules/proposals/insert-head.toml").read_text())
    assert audit(tree, "--struct", "own", "--proposal", proposal).code in (0, 1)
    found = prove(tree.parent, "--all", "--proposal", proposal)
    assert found.code == 2
    found.complains(f"{FILE}:1", "only a header can be overlaid")


def test_a_struct_of_ones_own_in_a_header(tree: Path) -> None:
    (tree / "include/linux/own.h").write_text("struct own { long a; long b; };\n")
    text = "#include <linux/own.h>\nlong f(struct own *o) { return o->b; }\n"
    (tree / "compile_commands.json").write_text("[]")
    add_unit(tree, FILE, text, f"{FLAGS} -O2")
    proposal = tree.parent / "own.toml"
    proposal.write_text((ROOT / "rules/proposals/insert-head.toml").read_text())
    assert audit(tree, "--struct", "own", "--proposal", proposal).code in (0, 1)
    found = prove(tree.parent, "--all", "--proposal", proposal)
    assert found.code == 0, found.out
    assert found.notes()[FILE, 2][0] == "proved"


def test_an_interrupt_ends_the_compilers_and_leaves_nothing(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(tree)
    started, scratch = tree.parent / "started", tree.parent / "tmp"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    fake(tree, f"echo $$ >{started}; sleep 100")
    process = spawn("prove", "--all", "--proposal", "insert-head")
    while not (started.exists() and started.read_text().strip()) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert not Path("/proc", started.read_text().strip()).exists()
    assert list(scratch.iterdir()) == []


def test_hostile_names_are_printed_as_escapes(tree: Path) -> None:
    small(tree)
    rewritten(tree, [*WORDS, "-fx=\x1b[31m"])
    found = proved(tree)
    assert found.code == 3
    assert "\x1b" not in found.out + found.err and os.linesep in found.out
