/* SPDX-License-Identifier: GPL-2.0-only */
/* Signal frame by copying: whatever the struct is today becomes ABI, in both directions. */
#include "../include/consumer.h"

static size_t setup_frame(struct pt_regs *regs, void *frame)
{
	*(struct pt_regs *)frame = *regs;
	return sizeof(*regs);
}

static void restore_frame(struct pt_regs *regs, const void *frame)
{
	*regs = *(const struct pt_regs *)frame;
	regs->cs |= 3;
	regs->ss |= 3;
	regs->orig_ax = -1ul;
}

CONSUMER("signal", .setup_frame = setup_frame, .restore_frame = restore_frame);
