/* SPDX-License-Identifier: GPL-2.0-only */
/* What the entry functions call: a hook that the running test has set, or the end. */
#include "../include/kernel.h"

extern char stacks_start[], stacks_end[];
extern char boot_stack_top[], user_stack_top[], child_stack_top[];
extern char u_stack_top[];

volatile trap_hook_t trap_hook;
volatile syscall_hook_t syscall_hook;
void *volatile handler_frame;
volatile u32 exit_pks;

struct thread boot_thread = { .stack_top = (unsigned long)boot_stack_top };
struct thread user_thread = { .stack_top = (unsigned long)user_stack_top };
struct thread child_thread = { .stack_top = (unsigned long)child_stack_top };

bool on_entry_stack(const void *from, size_t bytes)
{
	const char *p = from;

	return p >= stacks_start && p <= stacks_end - bytes;
}

/* A C function may leave anything in these: a stub that counts on one must not get away. */
static inline void scramble(void)
{
	asm volatile("movl $0xbad, %%ecx\n\t"
		     "movl %%ecx, %%edx\n\t"
		     "movl %%ecx, %%esi\n\t"
		     "movl %%ecx, %%edi\n\t"
		     "movl %%ecx, %%r8d\n\t"
		     "movl %%ecx, %%r9d\n\t"
		     "movl %%ecx, %%r10d\n\t"
		     "movl %%ecx, %%r11d"
		     : : : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11");
}

void handle_exception(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	static u32 exceptions;

	handler_frame = __builtin_frame_address(0);
	/* A broken stub may come back for ever; all tests together need some ten thousand. */
	if (++exceptions > 40000)
		bail("too many exceptions");
	/* The ABI for C: a compiler may use string instructions (System V psABI, 3.2.2). */
	if (read_flags() & 1 << 10)
		bail("DF is set in C code");
	if (trap_hook && trap_hook(ENTRY_PASS(regs), vector, error)) {
		scramble();
		return;
	}
	print("# vector %d error %x ip %x sp %x cr2 %x pkrs %x\n", (long)vector, error, regs->ip,
	      regs->sp, read_cr2(), rdmsr(MSR_PKRS));
	bail("unexpected exception");
}

unsigned long handle_syscall(ENTRY_PARAMS, unsigned long nr)
{
	unsigned long ret;

	if (read_flags() & 1 << 10)
		bail("DF is set in C code");
	if (nr == SYS_exit) {
		exit_pks = (u32)ENTRY_EXT(regs)->arch.pks;
		/* Leave the frame as if we returned through it, or its cookie outlives it. */
		irqentry_exit(ENTRY_PASS(regs));
		rcu_watching = true;
		switch_thread(&boot_thread);
		bail("a dead thread runs");
	}
	if (!syscall_hook)
		return (unsigned long)-ENOSYS;
	ret = syscall_hook(ENTRY_PASS(regs), nr);
	scramble();
	return ret;
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
