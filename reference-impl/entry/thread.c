/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads: how one begins in a frame that no entry ever pushed, and how two take turns. */
#include "../include/entry.h"
#include "../include/x86.h"

/* What switch_to_asm() pops: six registers and a return address. */
struct inactive_frame {
	unsigned long regs[6];
	unsigned long ret_addr;
};

/*
 * Prepare @child so that its first switch_thread() ends in ret_from_fork and then in ring 3 with
 * the registers @regs. In the extended layout the room below pt_regs belongs to the frame: the
 * inactive frame must start below that, not right below pt_regs. @pkrs is what the entry stub
 * would have saved; fork_return() puts it where the exit path will look.
 */
void copy_thread(struct thread *child, const struct pt_regs *regs, unsigned long pkrs)
{
	struct pt_regs *childregs = task_pt_regs(child);
	struct entry_frame *frame = container_of(childregs, struct entry_frame, regs);
	struct inactive_frame *inactive = (struct inactive_frame *)frame - 1;

	*childregs = *regs;
	*inactive = (struct inactive_frame){ .ret_addr = (unsigned long)ret_from_fork };
	child->sp = (unsigned long)inactive;
	child->pkrs = pkrs;
}

/* First C code of a new thread; from here on its frame is as good as one that was entered. */
void fork_return(struct pt_regs *regs);
void fork_return(struct pt_regs *regs)
{
	ENTRY_STATE;

	irqentry_enter(ENTRY_ARGS(regs));
#if STATE_BY_REF
	state.generic.exit_rcu = user_mode(regs);
	state.arch.pks = current->pkrs;
#else
	pt_regs_extension(regs)->generic.exit_rcu = user_mode(regs);
	pt_regs_extension(regs)->arch.pks = current->pkrs;
#endif
	irqentry_exit(ENTRY_ARGS(regs));
}

/* PKRS belongs to a thread: each finds its own again, and the kernel's default in between. */
void switch_thread(struct thread *next)
{
	struct thread *prev = current;
	u32 pkrs = (u32)rdmsr(MSR_PKRS);

	wrmsr(MSR_PKRS, PKRS_DEFAULT);
	current = next;
	current_stack_top = entry_stack_top(next);
	switch_to_asm(&prev->sp, next->sp);
	wrmsr(MSR_PKRS, pkrs);
}
