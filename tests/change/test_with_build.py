# SPDX-License-Identifier: GPL-2.0-only
"""With a build, changed sources are parsed with their command in both versions, whatever the work tree holds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.cli.program import run
from tests.change.repository import HEADER, UNSAFE, Repo
from tests.e2e.helpers import FLAGS
from tests.outcome import Outcome

ROOT = Path(__file__).resolve().parents[2]
PTRACE = "arch/x86/kernel/ptrace.c"
GUARD = "\tBUILD_BUG_ON(offsetof(struct pt_regs, r15) != 0);"
ADDED = "\nunsigned long added(struct pt_regs *regs)\n{\n\treturn *(unsigned long *)((char *)regs + 128);\n}\n"


@pytest.fixture
def kernel(tmp_path: Path) -> Repo:
    """The shipped minikernel, committed. Its compile commands lie in the tree, which is its own build."""
    path = tmp_path / "kernel"
    shutil.copytree(ROOT / "fixtures/minikernel", path)
    repo = Repo(path, empty=True)
    repo.commit("first")
    return repo


def edit(repo: Repo, name: str, old: str, new: str) -> None:
    text = (repo.path / name).read_text()
    assert old in text
    repo.write(name, text.replace(old, new, 1))


def command(repo: Repo, source: str) -> None:
    """One more unit in the build."""
    path = repo.path / "compile_commands.json"
    output = source.removesuffix(".c") + ".o"
    words = [*FLAGS.split(), "-c", "-o", output, source]
    entry = {"directory": ".", "file": source, "output": output, "arguments": words}
    path.write_text(json.dumps([*json.loads(path.read_text()), entry]))


def evidence(found: Outcome) -> set[str]:
    return {s["evidence"] for s in found.report["sites"]}


def test_a_guard_is_evaluated(kernel: Repo) -> None:
    """By its text a guard is one that might fire; the compiler says under which proposals it does."""
    edit(kernel, PTRACE, GUARD, "")
    kernel.commit()
    found = kernel.diff("HEAD~1..HEAD")
    (site,) = [s for s in found.report["sites"] if s["rule"] == "assert/removed"]
    verdicts = {p: v["verdict"] for p, v in site["verdicts"].items()}
    # Named in the fixture: it fires for a new first member, and says nothing of one in the middle or at the end.
    assert (verdicts["insert-head"], verdicts["insert-middle"], verdicts["append-tail"]) == ("break", "safe", "safe")
    assert (found.code, site["evidence"]) == (1, "semantic")
    assert found.report["runs"][0]["coverage"]["units_analysed"] == 1


def test_a_weakened_guard(kernel: Repo) -> None:
    """It still stands there, and no longer fires: what it protected is worse than before."""
    edit(
        kernel,
        PTRACE,
        "BUILD_BUG_ON(offsetof(struct pt_regs, r15) != 0)",
        "BUILD_BUG_ON(offsetof(struct pt_regs, r15) > 64)",
    )
    kernel.commit()
    assert "assert/removed" not in {r for _, r in kernel.diff("HEAD~1..HEAD").new}


def test_what_only_a_compiler_sees(kernel: Repo) -> None:
    """A macro hides the arithmetic from whoever reads the text."""
    kernel.write("kernel/m.h", "#define AT(p, n) ((char *)(p) + (n))\n")
    kernel.write("kernel/m.c", '#include <asm/ptrace.h>\n#include "m.h"\nstruct pt_regs *now(void);\n')
    command(kernel, "kernel/m.c")
    kernel.commit()
    text = "unsigned long g(struct pt_regs *r)\n{\n\treturn *(unsigned long *)AT(r, 128);\n}\n"
    kernel.write("kernel/m.c", (kernel.path / "kernel/m.c").read_text() + text)
    kernel.commit()
    found = kernel.diff("HEAD~1..HEAD")
    assert ("kernel/m.c", "raw-offset/constant") in found.new
    assert "semantic" in evidence(found)


def test_the_work_tree_may_hold_anything(kernel: Repo) -> None:
    """HEAD adds a place; then the work tree goes on: files gone, changed, and a header that is another one."""
    edit(kernel, PTRACE, "\n", ADDED + "\n")
    kernel.commit()
    clean = kernel.diff("HEAD~1..HEAD")
    assert clean.code == 1
    kernel.write(PTRACE, "this is no C\n")
    edit(kernel, HEADER, "struct pt_regs {", "struct pt_regs {\n\tunsigned long first;")
    before = {p: p.stat().st_mtime_ns for p in kernel.path.rglob("*") if ".git" not in p.parts}
    found = kernel.diff("HEAD~1..HEAD")
    assert (found.code, found.new) == (1, clean.new)
    assert [s["id"] for s in found.report["sites"]] == [s["id"] for s in clean.report["sites"]]
    assert {p: p.stat().st_mtime_ns for p in kernel.path.rglob("*") if ".git" not in p.parts} == before


def test_a_header_that_only_the_older_version_has(kernel: Repo) -> None:
    kernel.write("include/linux/gone.h", "#define WORD unsigned long\n")
    source = "#include <asm/ptrace.h>\n#include <linux/gone.h>\nWORD g(struct pt_regs *r)\n{\n\treturn r->ip;\n}\n"
    kernel.write("kernel/m.c", source)
    command(kernel, "kernel/m.c")
    kernel.commit()
    kernel.git("rm", "-q", "include/linux/gone.h")
    kernel.write("kernel/m.c", source.replace("#include <linux/gone.h>\n", "").replace("WORD", "unsigned long"))
    kernel.commit()
    found = kernel.diff("HEAD~1..HEAD")
    assert (found.code, found.report["sites"]) == (0, [])
    assert found.report["runs"][0]["coverage"]["units_analysed"] == 1


@pytest.mark.parametrize("which", ["the newer version", "the older version"])
def test_a_version_that_does_not_parse_is_incomplete(kernel: Repo, which: str) -> None:
    good, bad = (kernel.path / PTRACE).read_text(), "struct pt_regs *f(void) { return }\n"
    first, second = (good + "int x;\n", bad) if which == "the newer version" else (bad, good)
    kernel.write(PTRACE, first)
    kernel.commit()
    kernel.write(PTRACE, second)
    kernel.commit()
    found = kernel.diff("HEAD~1..HEAD")
    (failed,) = found.report["runs"][0]["coverage"]["units_failed"]
    assert (found.code, failed["file"]) == (3, PTRACE)
    assert failed["why"].startswith("in HEAD~1") == (which == "the older version")


def test_a_source_that_the_build_does_not_know_is_read_by_its_text(kernel: Repo) -> None:
    kernel.write("kernel/unknown.c", UNSAFE)
    kernel.commit()
    found = kernel.diff("HEAD~1..HEAD")
    assert (found.code, found.new) == (1, {("kernel/unknown.c", "raw-offset/constant")})
    assert evidence(found) == {"syntactic"}


def test_branches_that_are_off_are_read_by_their_text(kernel: Repo) -> None:
    edit(kernel, PTRACE, "\n", "\n#ifdef CONFIG_NEVER" + ADDED + "#endif\n")
    kernel.commit()
    found = kernel.diff("HEAD~1..HEAD")
    assert (PTRACE, "raw-offset/constant") in found.new
    assert evidence(found) == {"syntactic"}


def test_a_renamed_source(kernel: Repo) -> None:
    """The build knows the newer name; the older content is parsed by it."""
    path = kernel.path / "compile_commands.json"
    kernel.git("mv", PTRACE, "arch/x86/kernel/regs.c")
    path.write_text(path.read_text().replace("kernel/ptrace.", "kernel/regs."))
    edit(kernel, "arch/x86/kernel/regs.c", "\n", ADDED + "\n")
    kernel.commit()
    found = kernel.diff("HEAD~1..HEAD")
    assert found.new == {("arch/x86/kernel/regs.c", "raw-offset/constant")}
    assert {s["function"] for s in found.report["sites"]} == {"added"}


def test_a_header_is_parsed_through_units_that_include_it(kernel: Repo) -> None:
    kernel.write("include/linux/own.h", "#include <asm/ptrace.h>\nint other(void);\n")
    kernel.write("kernel/m.c", "#include <linux/own.h>\nint x(struct pt_regs *r)\n{\n\treturn r->ip;\n}\n")
    command(kernel, "kernel/m.c")
    kernel.commit()
    kernel.write(
        "include/linux/own.h", "#include <asm/ptrace.h>\n" + ADDED.replace("unsigned", "static inline unsigned", 1)
    )
    kernel.commit()
    found = kernel.diff("HEAD~1..HEAD")
    assert found.new == {("include/linux/own.h", "raw-offset/constant")}
    assert evidence(found) == {"semantic"}


def test_a_new_unit_is_not_blamed_for_old_headers(kernel: Repo) -> None:
    """Nobody included the header before: only now is it parsed, and nothing of it is new."""
    held = ADDED.replace("unsigned", "static inline unsigned", 1).replace("added", "held")
    kernel.write("include/linux/old.h", "#include <asm/ptrace.h>\n" + held)
    kernel.commit()
    kernel.write("kernel/m.c", "#include <linux/old.h>\n" + ADDED)
    command(kernel, "kernel/m.c")
    kernel.commit()
    found = kernel.diff("HEAD~1..HEAD")
    assert {s["file"] for s in found.report["sites"]} == {"kernel/m.c"}
    assert (found.new, evidence(found)) == ({("kernel/m.c", "raw-offset/constant")}, {"semantic"})


def test_with_the_facts_of_an_audit(kernel: Repo, tmp_path: Path) -> None:
    """What leads to the struct, who includes a header, and who is concerned by a layout come from there."""
    cache = tmp_path / "cache"
    edit(
        kernel, HEADER, "struct pt_regs {", "#define IP_OF(r) (*(unsigned long *)((char *)(r) + 128))\nstruct pt_regs {"
    )
    # A source that names neither the struct nor anything that is known to lead to it.
    kernel.write("kernel/m.c", "#include <asm/ptrace.h>\nint nothing;\n")
    command(kernel, "kernel/m.c")
    kernel.commit()
    assert (
        run(["audit", str(kernel.path), "--cache", str(cache), "--exit-zero", "-o", f"json={tmp_path / 'r.json'}"]) == 0
    )
    at = "unsigned long at(void *r)\n{\n\treturn IP_OF((struct pt_regs *)r);\n}\n"
    kernel.write("kernel/m.c", "#include <asm/ptrace.h>\n" + at)
    kernel.commit()
    assert kernel.diff("HEAD~1..HEAD", "--cache", cache).report["runs"][0]["coverage"]["units"] == 1
    edit(kernel, HEADER, "unsigned long r11;", "unsigned long pkru;\n\tunsigned long r11;")
    kernel.commit()
    found = kernel.diff("HEAD~1..HEAD", "--cache", cache)
    assert "from the last audit" in found.err
    own = {s["file"] for s in found.report["sites"] if s["verdicts"].get("this-change", {}).get("verdict") == "break"}
    # `ptrace` counts from r15, and nobody touched it.
    assert PTRACE in own


def test_two_hooks_on_one_store(kernel: Repo, tmp_path: Path) -> None:
    """Both only read it, while an audit writes it."""
    kernel.write("kernel/unknown.c", UNSAFE)
    kernel.git("add", "-A")
    cache = tmp_path / "cache"
    words = [sys.executable, "-m", "auditor"]
    hook = [*words, "hook", "--cache", str(cache), "kernel/unknown.c"]
    audit = [*words, "audit", str(kernel.path), "--cache", str(cache), "--exit-zero"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen(c, cwd=kernel.path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for c in (audit, hook, hook)
    ]
    said = [p.communicate()[1] for p in running]
    assert [p.returncode for p in running] == [0, 1, 1], said
    assert not any("Traceback" in s or "internal error" in s for s in said)
