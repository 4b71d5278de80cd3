/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a layout costs. Under "-icount shift=0" one instruction is one nanosecond of virtual time
 * and the TSC counts nanoseconds, so a difference of two RDTSC is a number of instructions.
 */
#include "../include/kernel.h"

static volatile unsigned long stack_bytes;
static volatile bool ask;	/* also ask the accessor, once per exception */

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a" (lo), "=d" (hi) : : "memory");
	return lo | (u64)hi << 32;
}

static bool hook(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	(void)error;
	/* From the end of the hardware frame to the return address into the entry function. */
	stack_bytes = (unsigned long)(&regs->ss + 1) - (unsigned long)handler_frame;
	if (ask)
		(void)pt_regs_has_extension(regs);
	return vector == VEC_BP;
}

static unsigned long sys_hook(ENTRY_PARAMS, unsigned long nr)
{
	return nr;
}

/* Cost of @rounds kernel-mode #BP; the loop itself is measured by rounds without one. */
static u64 breakpoints(int rounds, bool take)
{
	u64 start = rdtsc();

	for (volatile int i = 0; i < rounds; i++)
		if (take)
			asm volatile("int3" : : : "memory");
		else
			asm volatile("nop" : : : "memory");
	return rdtsc() - start;
}

void test_measure(void)
{
	struct user_regs in;
	u64 with, without, one;

	trap_hook = hook;
	syscall_hook = sys_hook;
	with = breakpoints(1000, true);
	without = breakpoints(1000, false);
	print("# measure kernel-exception-instructions-x1000 %d\n", with - without);
	ask = true;
	print("# measure accessor-instructions-x1000 %d\n", breakpoints(1000, true) - with);
	ask = false;
	print("# measure stack-bytes %d\n", stack_bytes);
	fill_regs(&in, 90);
	in.ax = SYS_probe;
	one = rdtsc();
	user_probe(&in, usnip_int3, PKRS_DEFAULT);
	one = rdtsc() - one;
	without = rdtsc();
	user_probe(&in, usnip_nop, PKRS_DEFAULT);
	without = rdtsc() - without;
	print("# measure user-exception-instructions %d\n", one - without);
	one = rdtsc();
	user_probe(&in, usnip_syscall, PKRS_DEFAULT);
	one = rdtsc() - one;
	print("# measure syscall-instructions %d\n", one - without);
	ok(with > 0 && stack_bytes > 168, "measured");
	trap_hook = NULL;
	syscall_hook = NULL;
}
