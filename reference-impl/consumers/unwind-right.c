/* SPDX-License-Identifier: GPL-2.0-only */
/* Follows rbp; an odd value is a pt_regs in disguise (ENCODE_FRAME_POINTER in entry/calling.h). */
#include "../include/consumer.h"

static int unwind(unsigned long fp, unsigned long *ips, int max)
{
	int n = 0;

	while (n < max) {
		if (fp & 1) {
			struct pt_regs *regs = (struct pt_regs *)(fp - 1);

			if (!on_entry_stack(regs, sizeof(*regs)) || user_mode(regs))
				break;
			ips[n++] = regs->ip;
			fp = regs->bp;
		} else {
			unsigned long *frame = (unsigned long *)fp;

			if (!on_entry_stack(frame, 2 * sizeof(*frame)))
				break;
			ips[n++] = frame[1];
			fp = frame[0];
		}
	}
	return n;
}

CONSUMER("unwind", .unwind = unwind);
