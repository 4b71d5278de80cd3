/* SPDX-License-Identifier: GPL-2.0-only */
/* The registers of a sample, in the order of the ABI. */
#include "regs.h"

static size_t sample(struct pt_regs *regs, void *buf)
{
	unsigned long *word = buf;

	for (size_t i = 0; i < USER_REGS_WORDS; i++)
		word[i] = *abi_word(regs, i * 8);
	return USER_REGS_WORDS * sizeof(*word);
}

CONSUMER("perf", .sample = sample);
