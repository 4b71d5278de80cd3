# SPDX-License-Identifier: GPL-2.0-only
"""Places of linux 6.1 that no unit of the reference configuration covers, and what becomes of each.

Written from the source. Names of functions, no lines: Debian's point releases move them.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.realkernel.conftest import Audited

pytestmark = pytest.mark.kernel

# file | function | rule | fragment | insert-head append-tail auxiliary
TABLE = """
arch/x86/boot/compressed/idt_handlers_64.S | EXCEPTION_HANDLER | asm-literal/order | pushq %rdi | break safe safe
arch/x86/boot/compressed/idt_handlers_64.S | EXCEPTION_HANDLER | asm-offset/member | ORIG_RAX(%rsp) | safe safe safe
arch/x86/kernel/head_32.S | early_idt_handler_common | asm-offset/member | PT_GS(%esp) | break safe safe
arch/x86/kernel/head_32.S | | asm-literal/size | SIZEOF_PTREGS 17*4 | break break safe
arch/x86/kernel/ftrace_32.S | ftrace_regs_caller | unwind/asm-object | ENCODE_FRAME_POINTER | break safe safe
arch/x86/kernel/asm-offsets_32.c | foo | offsetof/value | OFFSET(PT_EBX, pt_regs, bx) | rebuild safe safe
arch/x86/kernel/unwind_frame.c | last_frame | stack-position/below | (state->task) - 2 | rebuild rebuild break
arch/x86/kernel/cpu/mce/inject.c | raise_exception | fabricated/local | regs | rebuild rebuild review
arch/x86/kvm/vmx/vmenter.S | vmx_do_interrupt_nmi_irqoff | asm-literal/hardware-frame | pushf | safe break safe
arch/x86/mm/pf_in.c | get_reg_w8 | field/address | regs->ax | rebuild safe safe
arch/x86/um/ptrace_64.c | | uapi-export/abi-number | [R8 >> 3] | safe safe safe
arch/arm64/include/asm/processor.h | task_pt_regs | stack-position/definition | THREAD_SIZE + | safe safe safe
drivers/misc/kgdbts.c | | fabricated/static | kgdbts_regs | rebuild rebuild review
samples/bpf/tracex1_kern.c | bpf_prog1 | bpf-ctx/accessor | PT_REGS_PARM1(ctx) | rebuild safe safe
samples/bpf/test_probe_write_user_kern.c | bpf_prog1 | bpf-ctx/accessor | PT_REGS_PARM2_CORE | safe safe safe
tools/include/uapi/linux/bpf_perf_event.h | | embed/member | bpf_user_pt_regs_t regs | abi abi safe
tools/lib/bpf/bpf_tracing.h | PT_REGS_PARM1 | bpf-ctx/accessor | __PT_PARM1_REG) | break safe safe
tools/lib/bpf/bpf_tracing.h | PT_REGS_PARM1_CORE | bpf-ctx/accessor | BPF_CORE_READ | safe safe safe
tools/lib/bpf/usdt.c | calc_pt_regs_off | offsetof/table | offsetof(struct pt_regs, r8) | break safe safe
tools/objtool/check.c | read_unwind_hints | unwind/hint | hint->type | safe safe safe
tools/perf/util/bpf-prologue.c | gen_ldx_reg_from_ctx | offsetof/table-use | BPF_LDX_MEM | break safe safe
tools/testing/selftests/bpf/progs/test_vmlinux.c | handle__raw_tp | bpf-ctx/accessor | PARM1_CORE( | safe safe safe
"""


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_known_place(audited: Audited, row: str) -> None:
    file, function, rule, fragment, verdicts = (part.strip() for part in row.split("|"))
    there = [s for s in audited.report["sites"] if (s["file"], s["function"], s["rule"]) == (file, function, rule)]
    found = [s for s in there if fragment in s["expression"]]
    assert found, [s["expression"] for s in there]
    assert _verdicts(found[0]) == verdicts.split()
    assert found[0]["evidence"] == "syntactic"


def _verdicts(site: dict[str, Any]) -> list[str]:
    return [site["verdicts"][p]["verdict"] for p in ("insert-head", "append-tail", "auxiliary")]


def test_no_c_and_no_assembly_is_left(audited: Audited) -> None:
    left = audited.report["runs"][0]["coverage"]["uncovered"]
    assert left
    assert {u["file"] for u in left if not u["why"].startswith("not C")} == set()


def test_no_line_is_told_twice(audited: Audited) -> None:
    """What a unit covers is left to its evidence."""
    semantic = {(s["file"], s["line"]) for s in audited.report["sites"] if s["evidence"] == "semantic"}
    syntactic = {(s["file"], s["line"]) for s in audited.report["sites"] if s["evidence"] == "syntactic"}
    assert semantic & syntactic == set()


def test_other_architectures_are_safe(audited: Audited) -> None:
    alien = [s for s in audited.report["sites"] if s["file"].startswith(("arch/arm64/", "arch/s390/", "arch/powerpc/"))]
    assert len(alien) > 500
    assert {v["verdict"] for s in alien for v in s["verdicts"].values()} == {"safe"}
