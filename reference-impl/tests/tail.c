/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words above an exception frame on a kernel stack belong to the interrupted function. This
 * is where append_tail must fail: the CPU pushed ss right below them.
 */
#include "../include/kernel.h"

static bool hook(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	(void)error;
	(void)ENTRY_EXT(regs);
	return vector == VEC_BP;
}

/* Four words, each its own array's address; @shift moves the stack pointer at the exception. */
static bool survive(u64 shift)
{
	u64 words[4] = { 0 };
	bool same = true;

	tail_probe(words, shift);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		same = same && words[i] == (u64)words;
	return same;
}

/*
 * The CPU aligns the stack pointer to 16 before it pushes. At 8 modulo 16 it leaves an unused word,
 * and append_tail gets away with it: half of all stack depths hide the mistake.
 */
void test_tail(void)
{
	bool aligned, unaligned;

	trap_hook = hook;
	wrmsr(MSR_PKRS, PKRS_DEFAULT ^ 0x300);
	aligned = survive(0);
	unaligned = survive(8);
	print("# cell entry right rebuilt %s\n", aligned && unaligned ? "right" : "wrong");
	ok(aligned, "an exception leaves the interrupted stack alone");
	ok(unaligned, "also where the CPU had to align it");
	wrmsr(MSR_PKRS, PKRS_DEFAULT);
	trap_hook = NULL;
}
