/* SPDX-License-Identifier: GPL-2.0-only */
/* What the entry functions call: a hook that the running test has set, or the end. */
#include "../include/kernel.h"

extern char stacks_start[], stacks_end[];
extern char boot_stack_top[], user_stack_top[], child_stack_top[];
extern char u_stack_top[];

volatile trap_hook_t trap_hook;
volatile syscall_hook_t syscall_hook;
struct pt_regs *volatile last_user_regs;
void *volatile handler_frame;

struct thread boot_thread = { .stack_top = (unsigned long)boot_stack_top };
struct thread user_thread = { .stack_top = (unsigned long)user_stack_top };
struct thread child_thread = { .stack_top = (unsigned long)child_stack_top };

bool on_entry_stack(const void *from, size_t bytes)
{
	const char *p = from;

	return p >= stacks_start && p <= stacks_end - bytes;
}

void handle_exception(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	handler_frame = __builtin_frame_address(0);
	if (user_mode(regs))
		last_user_regs = regs;
	/* The ABI for C: a compiler may use string instructions (System V psABI, 3.2.2). */
	if (read_flags() & 1 << 10)
		bail("DF is set in C code");
	if (trap_hook && trap_hook(ENTRY_PASS(regs), vector, error))
		return;
	print("# vector %d error %x ip %x sp %x cr2 %x pkrs %x\n", (long)vector, error, regs->ip,
	      regs->sp, read_cr2(), rdmsr(MSR_PKRS));
	bail("unexpected exception");
}

unsigned long handle_syscall(ENTRY_PARAMS, unsigned long nr)
{
	last_user_regs = regs;
	if (read_flags() & 1 << 10)
		bail("DF is set in C code");
	if (nr == SYS_exit) {
		/* Leave the frame as if we returned through it, or its cookie outlives it. */
		irqentry_exit(ENTRY_PASS(regs));
		rcu_watching = true;
		switch_thread(&boot_thread);
		bail("a dead thread runs");
	}
	if (syscall_hook)
		return syscall_hook(ENTRY_PASS(regs), nr);
	return (unsigned long)-ENOSYS;
}

void init_user_regs(struct pt_regs *regs, const void *ip)
{
	memset(regs, 0, sizeof(*regs));
	regs->ip = (unsigned long)ip;
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	regs->flags = 2;
	regs->sp = (unsigned long)u_stack_top;
}

/* Ring 3 from @ip until it calls exit. */
void run_user(const void *ip, u32 pkrs)
{
	struct pt_regs regs;

	init_user_regs(&regs, ip);
	copy_thread(&user_thread, &regs, pkrs);
	switch_thread(&user_thread);
}
