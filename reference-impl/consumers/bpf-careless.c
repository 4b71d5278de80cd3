/* SPDX-License-Identifier: GPL-2.0-only */
/* The context of a program is the kernel's struct, bounded by its size of today. */
#include "bpf-interp.h"

static bool load_ctx(struct pt_regs *ctx, int off, unsigned long *value)
{
	if (off < 0 || off % 8 || (size_t)off >= sizeof(*ctx))
		return false;
	*value = *(unsigned long *)((char *)ctx + off);
	return true;
}

CONSUMER("bpf", .bpf_run = bpf_run);
