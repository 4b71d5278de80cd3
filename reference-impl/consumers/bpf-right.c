/* SPDX-License-Identifier: GPL-2.0-only */
/* The context of a program is struct user_regs; the interpreter rewrites each access. */
#include "bpf-interp.h"
#include "regs.h"

static bool load_ctx(struct pt_regs *ctx, int off, unsigned long *value)
{
	unsigned long *word = off < 0 ? NULL : abi_word(ctx, (unsigned long)off);

	if (!word)
		return false;
	*value = *word;
	return true;
}

CONSUMER("bpf", .bpf_run = bpf_run);
