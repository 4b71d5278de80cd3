# SPDX-License-Identifier: GPL-2.0-only
"""Places of linux 6.1 that a reader of its source finds, and what becomes of each.

Written from the source, not from a report. A verdict of "-" is not claimed. Names of functions, no lines: Debian's
point releases move them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.realkernel.conftest import Audited

pytestmark = pytest.mark.kernel


@dataclass(frozen=True, slots=True)
class Known:
    """`verdicts`: insert-head, append-tail, auxiliary."""

    file: str
    function: str
    rule: str
    fragments: tuple[str, ...]
    verdicts: tuple[str, ...]


def rows() -> list[Known]:
    found = []
    for line in TABLE.strip().splitlines():
        file, function, rule, fragments, verdicts = (part.strip() for part in line.split("|"))
        texts = tuple(fragments.split(" && "))
        found.append(Known(file.replace("x86:", "arch/x86/"), function, rule, texts, tuple(verdicts.split())))
    return found


TABLE = """
x86:kernel/ptrace.c | pt_regs_access | assert/build | BUILD_BUG_ON && r15) != 0 | build-fails safe safe
x86:kernel/ptrace.c | pt_regs_access | order/index | &regs->r15 + && sizeof(regs->r15) | build-fails safe safe
x86:kernel/ptrace.c | regoffset_table | offsetof/table | REG_OFFSET_NAME(r15) | rebuild safe safe
x86:kernel/ptrace.c | regoffset_table | offsetof/table | REG_OFFSET_NAME(ss) | rebuild safe safe
x86:kernel/ptrace.c | regs_query_register_offset | offsetof/table-use | roff->offset | rebuild safe safe
x86:kernel/ptrace.c | getreg | raw-offset/accessor | pt_regs_access(task_pt_regs(task), offset) | rebuild safe safe
x86:kernel/ptrace.c | putreg | uapi-export/frozen-offset | offsetof(struct user_regs_struct, flags) | safe safe safe
x86:kernel/ptrace.c | arch_ptrace | uapi-export/frozen-size | sizeof(struct user_regs_struct) | safe safe safe
x86:kernel/ptrace.c | set_flags | stack-position/object | task_pt_regs(task) | rebuild rebuild safe
x86:kernel/ptrace.c | get_flags | stack-position/field | task_pt_regs(task)->flags | safe rebuild safe
x86:include/asm/ptrace.h | regs_get_register | raw-offset/computed | (unsigned long)regs + offset | rebuild safe safe
x86:include/asm/ptrace.h | regs_get_kernel_argument | offsetof/table | offsetof(struct pt_regs, di) | rebuild safe safe
x86:include/asm/ptrace.h | user_mode | field/read | regs->cs | rebuild safe safe
x86:include/asm/ptrace.h | instruction_pointer_set | field/write | regs->ip | rebuild safe safe
x86:include/asm/unwind.h | IRET_FRAME_SIZE | size/tail-distance | sizeof(struct pt_regs) - | safe break safe
x86:include/asm/unwind.h | IRET_FRAME_OFFSET | offsetof/value | offsetof(struct pt_regs, ip) | rebuild safe safe
x86:include/asm/processor.h | task_pt_regs | stack-position/definition | pt_regs *)__ptr) - 1 | rebuild break safe
x86:include/asm/processor.h | KSTK_EIP | stack-position/field | ->ip | safe rebuild safe
x86:include/asm/switch_to.h | fork_frame | embed/member | struct pt_regs regs | rebuild rebuild safe
x86:include/asm/suspend_64.h | saved_context | embed/member | struct pt_regs regs | rebuild rebuild safe
x86:include/asm/ftrace.h | ftrace_regs | embed/asm-filled | struct pt_regs regs | break break -
x86:include/asm/ftrace.h | arch_ftrace_get_regs | field/asm-filled | regs.cs | break safe safe
x86:include/asm/perf_event.h | perf_arch_fetch_caller_regs | fabricated/partial-fill | (regs)->ip | rebuild safe safe
x86:include/asm/elf.h | ELF_CORE_COPY_REGS | uapi-export/by-name | (pr_reg)[0] = (regs)->r15 | rebuild safe safe
x86:include/uapi/asm/ptrace.h | pt_regs | uapi-export/user-twin | struct pt_regs && rbp | abi abi safe
x86:kernel/process.c | copy_thread | stack-position/object | task_pt_regs(p) | rebuild rebuild safe
x86:kernel/process.c | copy_thread | size/clear | memset(childregs, 0, sizeof && pt_regs) | rebuild rebuild -
x86:kernel/process.c | copy_thread | size/copy | *childregs = *current_pt_regs() | rebuild rebuild -
x86:kernel/process.c | copy_thread | cast/container-of | container_of(childregs, struct fork_frame, regs) | - - -
x86:kernel/perf_regs.c | pt_regs_offset | offsetof/table | PERF_REG_X86_IP && ip | rebuild safe safe
x86:kernel/perf_regs.c | perf_reg_value | offsetof/by-number | regs_get_register(regs, && idx | rebuild safe safe
x86:kernel/perf_regs.c | nmi_user_regs | embed/array | nmi_user_regs | rebuild rebuild -
x86:kernel/perf_regs.c | perf_get_regs_user | stack-position/top | user_regs + 1 | safe safe safe
x86:kernel/traps.c | sync_regs | stack-position/definition | cpu_current_top_of_stack && - 1 | rebuild break safe
x86:kernel/traps.c | sync_regs | size/copy | *regs = *eregs | rebuild review -
x86:kernel/traps.c | fixup_bad_iret | fabricated/local | struct pt_regs tmp | rebuild rebuild -
x86:kernel/traps.c | fixup_bad_iret | order/range-copy | __memcpy(&tmp.ip && 5*8 | rebuild safe safe
x86:kernel/traps.c | fixup_bad_iret | stack-position/definition | x86_tss.sp0) - 1 | rebuild rebuild safe
x86:kernel/traps.c | fixup_bad_iret | size/copy | __memcpy(new_stack, &tmp, sizeof(tmp)) | rebuild rebuild -
x86:kernel/rethook.c | arch_rethook_trampoline_callback | stack-position/above | regs + 1 | - break safe
x86:kernel/rethook.c | arch_rethook_trampoline_callback | field/write | regs->cs | - safe safe
x86:kernel/signal.c | restore_sigcontext | uapi-export/by-name | regs->bx | rebuild safe safe
x86:kernel/signal.c | __unsafe_setup_sigcontext | uapi-export/by-name | regs->di | rebuild safe safe
x86:kernel/unwind_orc.c | deref_stack_regs | size/value | sizeof(struct pt_regs) | rebuild review safe
x86:kernel/unwind_orc.c | deref_stack_iret_regs | unwind/partial | addr - IRET_FRAME_OFFSET | rebuild - -
x86:kernel/kgdb.c | dbg_reg_def | offsetof/table | offsetof(struct pt_regs, ip) | rebuild safe safe
x86:kernel/dumpstack.c | exec_summary_regs | fabricated/static | exec_summary_regs | rebuild rebuild -
x86:kernel/dumpstack_64.c | in_exception_stack | stack-position/definition | pt_regs *)end - 1 | rebuild break safe
x86:kernel/kprobes/core.c | addrmode_regoffs | offsetof/table | offsetof(struct pt_regs, ax) | rebuild safe safe
x86:kernel/uprobes.c | push_setup_xol_ops | offsetof/value | offsetof(struct pt_regs, r8) | rebuild safe safe
x86:lib/insn-eval.c | pt_regoff | offsetof/table | offsetof(struct pt_regs, r15) | rebuild safe safe
x86:mm/extable.c | pt_regs_nr | raw-offset/computed | regs + reg_offset | rebuild safe safe
x86:net/bpf_jit_comp.c | reg2pt_regs | offsetof/table | offsetof(struct pt_regs, di) | rebuild safe safe
kernel/trace/bpf_trace.c | kprobe_prog_is_valid_access | bpf-ctx/verifier-bound | sizeof(struct pt_regs) | abi abi safe
kernel/trace/bpf_trace.c | pe_prog_is_valid_access | bpf-ctx/verifier-bound | bpf_perf_event_data | abi abi safe
include/trace/events/syscalls.h | __traceiter_sys_enter | bpf-ctx/tracepoint | struct pt_regs *regs | abi - safe
"""
PROPOSALS = ("insert-head", "append-tail", "auxiliary")


def identity(known: Known) -> str:
    return f"{known.function}:{known.rule}:{known.fragments[0]}"


@pytest.mark.parametrize("known", rows(), ids=identity)
def test_known(known: Known, audited: Audited) -> None:
    inside = [s for s in audited.report["sites"] if (s["file"], s["function"]) == (known.file, known.function)]
    found = [s for s in inside if s["rule"] == known.rule and all(f in s["expression"] for f in known.fragments)]
    assert found, [(s["rule"], s["expression"]) for s in inside]
    for site in found:
        assert judged(site, known) == known.verdicts, site["expression"]


def judged(site: dict[str, Any], known: Known) -> tuple[str, ...]:
    verdicts = [site["verdicts"][p]["verdict"] for p in PROPOSALS]
    return tuple("-" if wanted == "-" else v for v, wanted in zip(verdicts, known.verdicts, strict=True))


def test_the_table_is_long_enough() -> None:
    assert len(rows()) >= 30
    assert len({identity(k) for k in rows()}) == len(rows())
