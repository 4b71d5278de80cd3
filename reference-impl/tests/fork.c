/* SPDX-License-Identifier: GPL-2.0-only */
/* A child that was never in the kernel returns from it, through a frame that copy_thread() made. */
#include "../include/kernel.h"

#define PARENT_PKRS	(PKRS_DEFAULT ^ 0x5000)
#define CHILD_PKRS	(PKRS_DEFAULT ^ 0x6000)

static volatile int forks, probes;
static volatile u32 child_saved;
static volatile bool child_frame_ok, rbp_ok, parent_has, child_has;

void fork_return(struct pt_regs *regs);

static unsigned long sys_hook(ENTRY_PARAMS, unsigned long nr)
{
	struct pt_regs copy = *regs;

	if (nr != SYS_fork)
		return -(unsigned long)ENOSYS;
	forks++;
	copy.ax = 0;
	/* Ring 3 shares its memory, but two threads cannot share a stack. */
	copy.sp = (u64)u_child_stack_top - ((u64)u_stack_top - regs->sp);
	memcpy((void *)copy.sp, (void *)regs->sp, (u64)u_stack_top - regs->sp);
	copy_thread(&child_thread, &copy, CHILD_PKRS);
	/* Found as a debugger or a dump would find them: not handed down, but by the thread. */
	parent_has = pt_regs_has_extension(task_pt_regs(current));
	child_has = pt_regs_has_extension(task_pt_regs(&child_thread));
	(void)ENTRY_EXT(regs);
	return 1;
}

static bool hook(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	(void)error;
	/* At the first instruction of fork_return(): rbp is still what ret_from_fork made. */
	if (vector == VEC_DB && regs->ip == (unsigned long)fork_return) {
		rbp_ok = regs->bp == (unsigned long)task_pt_regs(current) + 1;
		write_dr6(0);
		write_dr7(dr7_execute(1));
		regs->flags |= 1 << 16;
		return true;
	}
	if (vector != VEC_DB || current != &child_thread)
		return false;
	probes++;
	child_saved = (u32)ENTRY_EXT(regs)->arch.pks;
	child_frame_ok = regs == task_pt_regs(&child_thread);
	write_dr7(0);
	regs->flags |= 1 << 16;
	return true;
}

void test_fork(void)
{
	struct user_regs in, expect;

	syscall_hook = sys_hook;
	trap_hook = hook;
	forks = 0;
	probes = 0;
	fill_regs(&in, 60);
	in.ax = SYS_fork;
	user_probe(&in, usnip_syscall, PARENT_PKRS);
	expect = in;
	expect.cx = (unsigned long)usnip_syscall + 2;
	expect.r11 = in.flags;
	expect.ax = 1;
	ok(forks == 1 && same_gprs(&u_out, &expect), "the parent returns with its registers");

	ok(parent_has == !STATE_BY_REF,
	   "a thread inside a system call has an extension, if any has");
	ok(!child_has, "a thread that never ran has none yet");
	memset(&u_out, 0, sizeof(u_out));
	wrmsr(MSR_PKRS, PKRS_DEFAULT ^ 0x7000);
	write_dr(0, (u64)usnip_syscall + 2);
	write_dr(1, (u64)fork_return);
	write_dr7(dr7_execute(3));
	switch_thread(&child_thread);
	expect.ax = 0;
	ok(same_gprs(&u_out, &expect), "the child returns with the parent's registers and ax = 0");
	ok(probes == 1 && child_saved == CHILD_PKRS, "the child got the PKRS that was prepared");
	ok(rbp_ok, "the prepared frame can be found by an unwinder");
	ok(child_frame_ok, "the child's frames are on its own stack");
	ok(rdmsr(MSR_PKRS) == (PKRS_DEFAULT ^ 0x7000), "the switch back restored our PKRS");
	wrmsr(MSR_PKRS, PKRS_DEFAULT);
	syscall_hook = NULL;
	trap_hook = NULL;
}
