/* SPDX-License-Identifier: GPL-2.0-only */
/* The register note of a core dump, word by word through the table. */
#include "regs.h"

static size_t core_note(struct thread *t, void *note)
{
	struct pt_regs *regs = task_pt_regs(t);
	unsigned long *word = note;

	for (size_t i = 0; i < USER_REGS_WORDS; i++)
		word[i] = *abi_word(regs, i * 8);
	return sizeof(struct user_regs);
}

CONSUMER("core", .core_note = core_note);
