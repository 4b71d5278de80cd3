/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Peek and poke by index, the object by stack arithmetic. The guard is the only one that Linux has
 * on x86-64 (v6.1 arch/x86/kernel/ptrace.c:225), in the function of the same shape.
 */
#include "../include/consumer.h"

_Static_assert(offsetof(struct pt_regs, r15) == 0, "indexing starts at r15");

static unsigned long *reg(struct thread *t, unsigned long off)
{
	struct pt_regs *regs = (struct pt_regs *)t->stack_top - 1;

	return &regs->r15 + off / 8;
}

static unsigned long peek(struct thread *t, unsigned long off)
{
	return *reg(t, off);
}

static bool poke(struct thread *t, unsigned long off, unsigned long value)
{
	*reg(t, off) = value;
	return true;
}

CONSUMER("ptrace", .peek = peek, .poke = poke);
