/* SPDX-License-Identifier: GPL-2.0-only */
/* The sample is the struct: ring 3 gets its order, its size and everything in it. */
#include "../include/consumer.h"

static size_t sample(struct pt_regs *regs, void *buf)
{
	*(struct pt_regs *)buf = *regs;
	return sizeof(*regs);
}

CONSUMER("perf", .sample = sample);
