/* SPDX-License-Identifier: GPL-2.0-only */
/* Peek and poke: the tracer's offset is translated, never used. */
#include "regs.h"

static unsigned long peek(struct thread *t, unsigned long off)
{
	unsigned long *word = abi_word(task_pt_regs(t), off);

	return word ? *word : 0;
}

static bool poke(struct thread *t, unsigned long off, unsigned long value)
{
	unsigned long *word = abi_word(task_pt_regs(t), off);

	/* A selector without RPL 3 would return to ring 0. */
	if (!word || ((off == offsetof(struct user_regs, cs) ||
		       off == offsetof(struct user_regs, ss)) && (value & 3) != 3))
		return false;
	*word = value;
	return true;
}

CONSUMER("ptrace", .peek = peek, .poke = poke);
