/* SPDX-License-Identifier: GPL-2.0-only */
/* Signal frame, field by field: ring 3's struct and the kernel's may part company. */
#include "../include/consumer.h"

/* What ring 3 may choose: the arithmetic flags, DF, TF, RF. */
#define USER_FLAGS	0x10dd5ul

static size_t setup_frame(struct pt_regs *regs, void *frame)
{
	struct user_regs *u = frame;

	*u = (struct user_regs){
		.r15 = regs->r15, .r14 = regs->r14, .r13 = regs->r13, .r12 = regs->r12,
		.bp = regs->bp, .bx = regs->bx, .r11 = regs->r11, .r10 = regs->r10,
		.r9 = regs->r9, .r8 = regs->r8, .ax = regs->ax, .cx = regs->cx, .dx = regs->dx,
		.si = regs->si, .di = regs->di, .orig_ax = regs->orig_ax, .ip = regs->ip,
		.cs = regs->cs, .flags = regs->flags, .sp = regs->sp, .ss = regs->ss,
	};
	return sizeof(*u);
}

static void restore_frame(struct pt_regs *regs, const void *frame)
{
	const struct user_regs *u = frame;

	regs->r15 = u->r15;
	regs->r14 = u->r14;
	regs->r13 = u->r13;
	regs->r12 = u->r12;
	regs->bp = u->bp;
	regs->bx = u->bx;
	regs->r11 = u->r11;
	regs->r10 = u->r10;
	regs->r9 = u->r9;
	regs->r8 = u->r8;
	regs->ax = u->ax;
	regs->cx = u->cx;
	regs->dx = u->dx;
	regs->si = u->si;
	regs->di = u->di;
	regs->ip = u->ip;
	regs->sp = u->sp;
	/* The rest decides about privilege: ring 3 proposes, the kernel disposes. */
	regs->cs = u->cs | 3;
	regs->ss = u->ss | 3;
	regs->flags = (regs->flags & ~USER_FLAGS) | (u->flags & USER_FLAGS);
	regs->orig_ax = -1ul;
}

CONSUMER("signal", .setup_frame = setup_frame, .restore_frame = restore_frame);
