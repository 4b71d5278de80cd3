/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A hypervisor hands an exit to the host's handler as if it had been an exception: it must make
 * the whole frame that such a handler may rely on, container included.
 */
#include "../include/consumer.h"

static bool inject(const struct user_regs *guest, void (*enter)(struct pt_regs *regs))
{
	struct {
		unsigned long before[4];
		struct synthetic_frame frame;
		unsigned long after[4];
	} host = { .before = { 1, 2, 3, 4 }, .after = { 5, 6, 7, 8 } };
	struct pt_regs *regs = &host.frame.regs;

	regs->r15 = guest->r15;
	regs->r14 = guest->r14;
	regs->r13 = guest->r13;
	regs->r12 = guest->r12;
	regs->bp = guest->bp;
	regs->bx = guest->bx;
	regs->r11 = guest->r11;
	regs->r10 = guest->r10;
	regs->r9 = guest->r9;
	regs->r8 = guest->r8;
	regs->ax = guest->ax;
	regs->cx = guest->cx;
	regs->dx = guest->dx;
	regs->si = guest->si;
	regs->di = guest->di;
	regs->orig_ax = -1ul;
	regs->ip = guest->ip;
	regs->cs = KERNEL_CS;
	regs->flags = guest->flags;
	regs->sp = guest->sp;
	regs->ss = KERNEL_DS;
	enter(regs);
	asm volatile("" : : "r" (&host) : "memory");
	return host.before[0] == 1 && host.before[1] == 2 && host.before[2] == 3 &&
	       host.before[3] == 4 && host.after[0] == 5 && host.after[1] == 6 &&
	       host.after[2] == 7 && host.after[3] == 8;
}

CONSUMER("kvm", .inject = inject);
