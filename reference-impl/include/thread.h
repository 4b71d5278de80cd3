/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef THREAD_H
#define THREAD_H

#include "pt_regs.h"

struct thread {
	unsigned long sp;		/* while it does not run */
	unsigned long stack_top;
	unsigned long pkrs;		/* while it does not run */
};

extern struct thread *current;

/* One past the highest byte that an entry from ring 3 may use. */
static inline unsigned long entry_stack_top(const struct thread *t)
{
	return t->stack_top - STACK_PADDING;
}

/* An entry from ring 3 always leaves its registers here. */
static inline struct pt_regs *task_pt_regs(const struct thread *t)
{
	return (struct pt_regs *)entry_stack_top(t) - 1;
}

#if LAYOUT_IS(fred_frame)
/* Exists above the frame of an entry from ring 3 and nowhere else. */
static inline struct fred_info *fred_info(const struct thread *t)
{
	return (struct fred_info *)entry_stack_top(t);
}
#endif

void copy_thread(struct thread *child, const struct pt_regs *regs, unsigned long pkrs);
void switch_thread(struct thread *next);

#endif
