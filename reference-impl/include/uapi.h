/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What ring 3, a tracer, a core file and a BPF program see: frozen, whatever happens to pt_regs.
 * The order is that of pt_regs before anybody touched it.
 */
#ifndef UAPI_H
#define UAPI_H

struct user_regs {
	unsigned long r15, r14, r13, r12, bp, bx;
	unsigned long r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
	unsigned long ip, cs, flags, sp, ss;
};

#define USER_REGS_WORDS	21

_Static_assert(sizeof(struct user_regs) == USER_REGS_WORDS * 8, "user_regs is ABI");

#endif
