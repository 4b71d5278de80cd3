# SPDX-License-Identifier: GPL-2.0-only
"""Every class of change: what is reported, and what looks alike and is not. Nothing is compiled."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.change.repository import HEADER, MEMBERS, SAFE, UNSAFE, Repo, header

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "auditor/reports/report.schema.json").read_text())
GUARDED = """#include <asm/ptrace.h>
unsigned long *g(struct pt_regs *regs, int n)
{
	BUILD_BUG_ON(offsetof(struct pt_regs, r15) != 0);
	return &regs->r15 + n;
}
"""
GUARD = "\tBUILD_BUG_ON(offsetof(struct pt_regs, r15) != 0);\n"


def test_a_new_consumer(repo: Repo) -> None:
    repo.write("kernel/b.c", UNSAFE)
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert (found.code, found.new) == (1, {("kernel/b.c", "raw-offset/constant")})
    jsonschema.validate(found.report, SCHEMA)


def test_a_new_consumer_that_is_safe_is_listed_and_no_finding(repo: Repo) -> None:
    repo.write("kernel/b.c", SAFE)
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert (found.code, found.new) == (0, set())
    assert [s["file"] for s in found.report["sites"]] == ["kernel/b.c"]


def test_a_safe_place_made_unsafe(repo: Repo) -> None:
    repo.write("kernel/a.c", UNSAFE)
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert (found.code, found.new) == (1, {("kernel/a.c", "raw-offset/constant")})


def test_what_was_there_before_is_not_reported_wherever_it_moves(repo: Repo) -> None:
    repo.write("kernel/a.c", UNSAFE)
    repo.commit()
    repo.write("kernel/a.c", "/* a line */\n\n" + UNSAFE + "int other;\n")
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert (found.code, found.report["sites"]) == (0, [])


def test_a_second_place_equal_to_the_first_is_new(repo: Repo) -> None:
    repo.write("kernel/a.c", UNSAFE)
    repo.commit()
    twice = UNSAFE.replace("\treturn", "\tif (*(unsigned long *)((char *)regs + 128))\n\t\treturn 0;\n\treturn")
    repo.write("kernel/a.c", twice)
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert found.code == 1
    assert len(found.report["sites"]) == 1


def test_what_a_change_mends_is_no_news(repo: Repo) -> None:
    repo.write("kernel/a.c", UNSAFE)
    repo.commit()
    repo.write("kernel/a.c", SAFE)
    repo.commit()
    assert repo.diff("HEAD~1..HEAD").code == 0


def test_a_rename_is_followed(repo: Repo) -> None:
    repo.write("kernel/a.c", UNSAFE + "/* text that makes it like itself */\n" * 5)
    repo.commit()
    repo.git("mv", "kernel/a.c", "kernel/renamed.c")
    repo.commit()
    assert repo.diff("HEAD~1..HEAD").report["sites"] == []
    # Changed in the same commit: what is added counts, what moved along does not.
    text = (repo.path / "kernel/renamed.c").read_text()
    repo.git("mv", "kernel/renamed.c", "kernel/again.c")
    repo.write("kernel/again.c", text + UNSAFE.replace("f(", "h(").replace("128", "136"))
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert [(s["file"], s["function"]) for s in found.report["sites"] if s["kind"] == "raw-offset"] == [
        ("kernel/again.c", "h")
    ]


def test_a_copy_is_new(repo: Repo) -> None:
    repo.write("kernel/a.c", UNSAFE)
    repo.commit()
    repo.write("kernel/copy.c", UNSAFE)
    repo.commit()
    assert repo.diff("HEAD~1..HEAD").new == {("kernel/copy.c", "raw-offset/constant")}


def test_a_guard_removed_while_its_consumers_stay(repo: Repo) -> None:
    repo.write("kernel/g.c", GUARDED)
    repo.commit()
    repo.write("kernel/g.c", GUARDED.replace(GUARD, ""))
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert (found.code, found.new) == (1, {("kernel/g.c", "assert/removed")})
    (site,) = [s for s in found.report["sites"] if s["rule"] == "assert/removed"]
    # The place is what the guard protected; the guard is named.
    assert (site["line"], site["function"]) == (4, "g")
    assert "offsetof(struct pt_regs, r15)" in site["expression"]
    assert "stood in line 4" in site["related"][0]["note"]
    assert "is gone" in site["verdicts"]["insert-head"]["why"]
    jsonschema.validate(found.report, SCHEMA)


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("its function is gone, too", SAFE),
        ("it moved within the function", GUARDED.replace(GUARD, "").replace("n;\n", f"n;\n{GUARD}")),
        ("another form says the same", GUARDED.replace("BUILD_BUG_ON(", "static_assert(").replace("!=", "==")),
        ("nothing changed about it", GUARDED + "int x;\n"),
    ],
)
def test_no_guard_removed(repo: Repo, what: str, text: str) -> None:
    repo.write("kernel/g.c", GUARDED)
    repo.commit()
    repo.write("kernel/g.c", text)
    repo.commit()
    assert "assert/removed" not in {rule for _, rule in repo.diff("HEAD~1..HEAD").new}, what


@pytest.mark.parametrize(
    ("asked", "breaks"),
    [
        ("offsetof(struct pt_regs, bx) != 0", {"insert-head"}),
        ("sizeof(struct pt_regs) != 68", {"insert-head", "insert-middle", "append-tail"}),
    ],
)
def test_a_removed_guard_of_another_build_says_what_it_compared(repo: Repo, asked: str, breaks: set[str]) -> None:
    guard = f"\tBUILD_BUG_ON({asked});\n"
    text = "#ifdef CONFIG_X86_32\n" + GUARDED.replace(GUARD, guard).replace("->r15", "->bx") + "#endif\n"
    repo.write("kernel/g.c", text)
    repo.commit()
    repo.write("kernel/g.c", text.replace(guard, ""))
    repo.commit()
    (site,) = [s for s in repo.diff("HEAD~1..HEAD").report["sites"] if s["rule"] == "assert/removed"]
    assert {p for p, v in site["verdicts"].items() if v["verdict"] == "break"} == breaks


@pytest.mark.parametrize(("rest", "gone"), [(SAFE, {("kernel/g.c", "assert/removed")}), ("int nothing;\n", set())])
def test_a_guard_outside_of_functions_protects_its_file(repo: Repo, rest: str, gone: set[tuple[str, str]]) -> None:
    repo.write("kernel/g.c", f"static_assert(offsetof(struct pt_regs, r15) == 0);\n{rest}")
    repo.commit()
    repo.write("kernel/g.c", rest)
    repo.commit()
    assert repo.diff("HEAD~1..HEAD").new == gone


def test_a_guard_that_moves_to_another_file_of_the_change(repo: Repo) -> None:
    repo.write("kernel/g.c", GUARDED)
    repo.commit()
    repo.write("kernel/g.c", GUARDED.replace(GUARD, ""))
    repo.write("kernel/guards.c", "#include <asm/ptrace.h>\nvoid guards(void)\n{\n" + GUARD + "}\n")
    repo.commit()
    assert repo.diff("HEAD~1..HEAD").code == 0


def test_a_changed_layout_concerns_every_consumer(repo: Repo) -> None:
    """HISTORY H01: a member between bx and r11, and no guard that notices. The place lies in a file nobody touched."""
    repo.write("kernel/a.c", UNSAFE)
    repo.write("kernel/named.c", SAFE)
    repo.commit()
    at = MEMBERS.index("bx") + 1
    repo.write(HEADER, header([*MEMBERS[:at], "pkru", *MEMBERS[at:]]))
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    own = {(s["file"], s["rule"]): s["verdicts"].get("this-change", {}).get("verdict") for s in found.report["sites"]}
    assert own["kernel/a.c", "raw-offset/constant"] == "break"
    # A named member follows a rebuild: concerned, and no finding.
    assert own["kernel/named.c", "field/read"] == "rebuild"
    assert found.code == 1
    (effects,) = [p["effects"] for p in found.report["proposals"] if p["id"] == "this-change"]
    assert (effects["shift"]["ip"], effects["resize"]) == (8, 8)
    jsonschema.validate(found.report, SCHEMA)


def test_a_struct_that_only_grows_at_its_end(repo: Repo) -> None:
    """No member moves; what is found from the end of a stack does."""
    repo.write("kernel/top.c", "void f(void *stack)\n{\n\tuse(stack - sizeof(struct pt_regs));\n}\n")
    repo.commit()
    repo.write(HEADER, header().replace("};", "} __attribute__((aligned(64)));"))
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    own = {s["file"]: s["verdicts"]["this-change"]["verdict"] for s in found.report["sites"]}
    assert own == {"kernel/top.c": "rebuild"}
    (effects,) = [p["effects"] for p in found.report["proposals"] if p["id"] == "this-change"]
    assert (effects["resize"], effects["shift"]) == (24, {})


def test_a_changed_layout_concerns_its_own_architecture(repo: Repo) -> None:
    repo.write("arch/x86/lib/own.c", UNSAFE)
    repo.write("arch/arm64/lib/other.c", UNSAFE)
    repo.commit()
    repo.write(HEADER, header(["first", *MEMBERS]))
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert {f for f, rule in found.new if rule == "raw-offset/constant"} == {"arch/x86/lib/own.c"}


def test_entry_code_needs_no_name_of_the_struct(repo: Repo) -> None:
    """Of the architecture's own directory every source is read; elsewhere the same text is any function's."""
    order = ["rdi", "rsi", "rdx", "rcx", "rax", *(f"r{n}" for n in range(8, 12)), "rbx", "rbp"]
    order += [f"r{n}" for n in range(12, 16)]
    text = "SYM_CODE_START(entry)\n" + "".join(f"\tpushq %{r}\n" for r in order) + "SYM_CODE_END(entry)\n"
    repo.write("arch/x86/entry/entry.S", text)
    repo.write("lib/crypto/saves.S", text)
    repo.commit()
    assert repo.diff("HEAD~1..HEAD").new == {("arch/x86/entry/entry.S", "asm-literal/order")}


def test_a_member_that_only_a_configuration_has(repo: Repo) -> None:
    """HISTORY H01 had its member under an #ifdef: with every option off nothing would seem to change."""
    repo.write("kernel/a.c", UNSAFE)
    repo.commit()
    repo.write(
        HEADER,
        header().replace(
            "\tunsigned long r11;\n", "#ifdef CONFIG_PKK\n\tunsigned long pkru;\n#endif\n\tunsigned long r11;\n"
        ),
    )
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert ("kernel/a.c", "raw-offset/constant") in found.new


def test_a_header_that_changes_and_not_its_layout(repo: Repo) -> None:
    repo.write("kernel/a.c", UNSAFE)
    repo.commit()
    repo.write(HEADER, header().replace("struct pt_regs {", "/* registers */\nstruct pt_regs {\n\t/* the first */"))
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert (found.code, found.report["sites"]) == (0, [])
    assert "this-change" not in [p["id"] for p in found.report["proposals"]]


def test_a_shipped_proposal_that_no_longer_fits_is_named(repo: Repo) -> None:
    """insert-middle adds `pks`, which this change adds itself."""
    at = MEMBERS.index("bx") + 1
    repo.write(HEADER, header([*MEMBERS[:at], "pks", *MEMBERS[at:]]))
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert "insert-middle.toml" in found.err and "already has a member 'pks'" in found.err
    assert {"this-change", "auxiliary"} <= {p["id"] for p in found.report["proposals"]}


def test_ignores_count_as_in_an_audit(repo: Repo) -> None:
    comment = "\t/* ptregs-audit: ignore[raw-offset/constant] the frame is private */\n"
    repo.write("kernel/b.c", UNSAFE.replace("\treturn", comment + "\treturn"))
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert found.code == 0
    assert [s["suppressed"]["by"] for s in found.report["sites"]] == ["ignore"]
    # The ignore goes, the place stays: it is a finding now.
    repo.write("kernel/b.c", UNSAFE)
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert (found.code, found.new) == (1, {("kernel/b.c", "raw-offset/constant")})


def test_an_ignore_without_a_reason_counts_if_it_is_new(repo: Repo) -> None:
    bad = "/* ptregs-audit: ignore[raw-offset/constant] */\n"
    repo.write("kernel/b.c", bad + SAFE)
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert found.code == 1
    assert [w["problem"] for w in found.report["wrong_ignores"]] == ["without-reason"]
    repo.write("kernel/b.c", bad + SAFE + "int x;\n")
    repo.commit()
    assert repo.diff("HEAD~1..HEAD").code == 0


def test_thresholds_filters_and_formats_are_those_of_audit(repo: Repo) -> None:
    repo.write("kernel/b.c", UNSAFE)
    repo.commit()
    assert repo.diff("HEAD~1..HEAD", "--exit-zero").code == 0
    assert repo.diff("HEAD~1..HEAD", "--path", "mm").code == 0
    assert repo.diff("HEAD~1..HEAD", "--proposal", "append-tail").code == 0
    assert repo.diff("HEAD~1..HEAD", "--proposal", "insert-head").code == 1
    repo.write("kernel/b.c", SAFE)
    repo.commit()
    assert repo.diff("HEAD~2..HEAD", "--fail-on", "rebuild").code == 1
