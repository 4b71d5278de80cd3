/* SPDX-License-Identifier: GPL-2.0-only */
/* The register note as one range copy: true to the ABI while the registers are neighbours. */
#include "../include/consumer.h"

static size_t core_note(struct thread *t, void *note)
{
	const unsigned long *from = &task_pt_regs(t)->r15;
	unsigned long *word = note;

	for (size_t i = 0; i < USER_REGS_WORDS; i++)
		word[i] = from[i];
	return USER_REGS_WORDS * sizeof(*word);
}

CONSUMER("core", .core_note = core_note);
