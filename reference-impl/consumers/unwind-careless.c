/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Knows an exception frame by the return address into the entry text, and takes for granted that
 * pt_regs starts right above it: true as long as the stub calls with %rsp == &pt_regs.
 */
#include "../include/consumer.h"

static bool in_entry_text(unsigned long ip)
{
	return ip >= (unsigned long)entry_text_start && ip < (unsigned long)entry_text_end;
}

static int unwind(unsigned long fp, unsigned long *ips, int max)
{
	int n = 0;

	while (n < max) {
		unsigned long *frame = (unsigned long *)fp;

		if (!on_entry_stack(frame, 2 * sizeof(*frame)))
			break;
		if (in_entry_text(frame[1])) {
			struct pt_regs *regs = (struct pt_regs *)(frame + 2);

			if (!on_entry_stack(regs, sizeof(*regs)) || user_mode(regs))
				break;
			ips[n++] = regs->ip;
			fp = regs->bp;
		} else {
			ips[n++] = frame[1];
			fp = frame[0];
		}
	}
	return n;
}

CONSUMER("unwind", .unwind = unwind);
