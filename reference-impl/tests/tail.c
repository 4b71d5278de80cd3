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

void test_tail(void)
{
	/* tail_probe pushes its own argument four times. */
	u64 words[4] = { 0 };
	bool same = true;

	trap_hook = hook;
	wrmsr(MSR_PKRS, PKRS_DEFAULT ^ 0x300);
	tail_probe(words);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		same = same && words[i] == (u64)words;
	print("# cell entry right rebuilt %s\n", same ? "right" : "wrong");
	ok(same, "an exception leaves the interrupted stack alone");
	wrmsr(MSR_PKRS, PKRS_DEFAULT);
	trap_hook = NULL;
}
