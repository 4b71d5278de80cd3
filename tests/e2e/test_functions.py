# SPDX-License-Identifier: GPL-2.0-only
"""The units that are left out hold nothing, and the functions that are listed are those whose code holds a site."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.helpers import FLAGS, add_unit, audit
from tests.outcome import Outcome

WRAPPER = "include/linux/wrap.h"
WRAP = """#include <linux/ptrace.h>
#define DEFINE_ENTRY(name, ...) long name##_entry(struct pt_regs *regs) { return do_##name(regs->di); }
static inline long low_half(void) { return (int)current_pt_regs()->ip; }
"""


def told(found: Outcome) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]:
    """Sites with their verdicts, functions with the sites that they hold, and how much was found of each verdict."""
    return found.report["sites"], found.report["functions"], found.report["summary"]


def functions(found: Outcome, source: str) -> set[str]:
    return {f["function"] for f in found.report["functions"] if f["unit"] == source}


def grown(tree: Path) -> None:
    """Units that depend on the struct without a word of it, and some that only look so."""
    (tree / WRAPPER).write_text(WRAP)
    include = "#include <linux/wrap.h>\n"
    add_unit(tree, "kernel/entry.c", f"{include}long do_read(long a);\nDEFINE_ENTRY(read)\n")
    add_unit(
        tree, "kernel/low.c", f"{include}long low(void) {{ return low_half(); }}\nlong none(void) {{ return 0; }}\n"
    )
    add_unit(tree, "kernel/none.c", f"{include}long none(void) {{ return 0; }}\n")
    (tree / "drivers/own.h").write_text("#include <linux/ptrace.h>\n#define status(p) ((struct pt_regs *)(p))->ax\n")
    add_unit(tree, "drivers/own.c", '#include "own.h"\nlong own(void *p) { return status(p); }\n')
    add_unit(tree, "drivers/status.c", "#include <linux/ptrace.h>\nlong other(long status) { return status; }\n")
    add_unit(tree, "drivers/part.c", '#include "own.c"\n')


def test_what_is_left_out_holds_nothing(tree: Path) -> None:
    grown(tree)
    chosen, whole = audit(tree), audit(tree, "--exhaustive")
    assert told(chosen) == told(whole)
    assert (chosen.code, chosen.failed) == (whole.code, whole.failed) == (1, {})
    assert whole.coverage["units_analysed"] == whole.coverage["units"]
    assert whole.coverage["units_analysed"] - chosen.coverage["units_analysed"] >= 2


def test_functions_without_a_word_of_it(tree: Path) -> None:
    grown(tree)
    found = audit(tree)
    assert functions(found, "kernel/entry.c") == {"read_entry"}
    assert functions(found, "kernel/low.c") == {"low"}
    assert functions(found, "kernel/none.c") == set()
    assert functions(found, "drivers/own.c") == {"own"}
    assert functions(found, "drivers/status.c") == set()


def test_sources_that_include_sources(tree: Path) -> None:
    """Their code is that of what they include, callers of small functions among it."""
    grown(tree)
    text = "#include <linux/ptrace.h>\nstatic long leaf(struct pt_regs *r) { return r->ip; }\n"
    add_unit(
        tree, "drivers/leaf.c", f"{text}long top(void *p) {{ return leaf(p); }}\nlong none(void) {{ return 0; }}\n"
    )
    add_unit(tree, "drivers/more.c", '#include "leaf.c"\n')
    found = audit(tree)
    assert functions(found, "drivers/part.c") == functions(found, "drivers/own.c") == {"own"}
    assert functions(found, "drivers/more.c") == functions(found, "drivers/leaf.c") == {"leaf", "top"}


def test_inline_functions_are_none(sound: Outcome) -> None:
    """They are where they are called, if they are small."""
    inline = {"user_mode", "instruction_pointer", "instruction_pointer_set"}
    written = {s["function"] for s in sound.report["sites"]}
    assert inline & written
    assert inline & {f["function"] for f in sound.report["functions"]} == set()


def test_every_listed_function_holds_sites_of_the_report(sound: Outcome) -> None:
    ids = {s["id"] for s in sound.report["sites"]}
    listed = sound.report["functions"]
    assert listed
    assert all(f["sites"] and ids.issuperset(f["sites"]) for f in listed)
    keys = [(f["object"], f["function"]) for f in listed]
    assert len(set(keys)) == len(keys)


def test_one_source_compiled_twice(tree: Path) -> None:
    """Each object has its functions, by its own flags."""
    text = "#include <linux/ptrace.h>\nlong both(struct pt_regs *r) { return r->ip; }\n"
    text += "#ifdef MORE\nlong more(struct pt_regs *r) { return r->sp; }\n#endif\n"
    add_unit(tree, "kernel/twice.c", text)
    add_unit(tree, "kernel/twice.c", None, f"{FLAGS} -DMORE")
    path = tree / "compile_commands.json"
    entries = json.loads(path.read_text())
    entries[-1]["output"] = "kernel/again.o"
    entries[-1]["arguments"] = ["kernel/again.o" if a == "kernel/twice.o" else a for a in entries[-1]["arguments"]]
    path.write_text(json.dumps(entries))
    listed = [f for f in audit(tree).report["functions"] if f["unit"] == "kernel/twice.c"]
    assert {(f["object"], f["function"]) for f in listed} == {
        ("kernel/twice.o", "both"),
        ("kernel/again.o", "both"),
        ("kernel/again.o", "more"),
    }


def test_a_tree_that_is_named_by_a_link(tree: Path, tmp_path: Path) -> None:
    """Commands that name its directories through a link, as a build does through its `source`."""
    grown(tree)
    plain = audit(tree)
    link = tmp_path / "link"
    link.symlink_to(tree)
    path = tree / "compile_commands.json"
    entries = json.loads(path.read_text())
    for entry in entries:
        words = entry.pop("command").split() if "command" in entry else entry["arguments"]
        entry["arguments"] = [a.replace("-I", f"-I{link}/") if a.startswith("-I") else a for a in words]
    path.write_text(json.dumps(entries))
    assert told(audit(tree)) == told(plain)
    assert told(audit(link)) == told(plain)


def test_functions_of_assembly(tree: Path) -> None:
    add_unit(
        tree,
        "arch/x86/lib/keep.S",
        "SYM_FUNC_START(keep)\n\tmovq pt_regs_bx(%rax), %rbx\nSYM_FUNC_END(keep)\n"
        ".macro KEEP\n\tmovq pt_regs_bx(%rax), %rbx\n.endm\n"
        "SYM_FUNC_START(plain)\n\tret\nSYM_FUNC_END(plain)\n",
    )
    (tree / "arch/x86/lib/nobody.S").write_text("SYM_FUNC_START(lost)\n\tmovq pt_regs_bx(%rax), %rbx\n")
    found = audit(tree)
    assert {s["function"] for s in found.sites() if s["file"].startswith("arch/x86/lib/")} >= {"keep", "KEEP", "lost"}
    assert functions(found, "arch/x86/lib/keep.S") == {"keep"}
    assert functions(found, "arch/x86/lib/nobody.S") == set()
