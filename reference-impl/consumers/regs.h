/* SPDX-License-Identifier: GPL-2.0-only */
/* For the right versions: where each word of struct user_regs stands in struct pt_regs. */
#ifndef CONSUMER_REGS_H
#define CONSUMER_REGS_H

#include "../include/consumer.h"

#define AT(field)	[offsetof(struct user_regs, field) / 8] = offsetof(struct pt_regs, field)

static const u16 abi_to_pt_regs[USER_REGS_WORDS] = {
	AT(r15), AT(r14), AT(r13), AT(r12), AT(bp), AT(bx), AT(r11), AT(r10), AT(r9), AT(r8),
	AT(ax), AT(cx), AT(dx), AT(si), AT(di), AT(orig_ax), AT(ip), AT(cs), AT(flags), AT(sp),
	AT(ss),
};

/* NULL if @off is not the offset of a whole word of struct user_regs. */
static inline unsigned long *abi_word(struct pt_regs *regs, unsigned long off)
{
	if (off % 8 || off >= sizeof(struct user_regs))
		return NULL;
	return (unsigned long *)((char *)regs + abi_to_pt_regs[off / 8]);
}

#endif
