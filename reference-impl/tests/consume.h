/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONSUME_H
#define CONSUME_H

#include "../include/consumer.h"
#include "../include/kernel.h"

struct outcome {
	bool kernel;		/* what happened inside the kernel is right */
	bool delivered;		/* what ring 3 or a BPF program got is what it always got */
};

struct outcome try_signal(const struct consumer *c);
struct outcome try_user_view(const struct consumer *c);	/* ptrace, core, bpf, regtable, perf */
struct outcome try_unwind(const struct consumer *c);
struct outcome try_kretprobe(const struct consumer *c);
struct outcome try_kvm(const struct consumer *c);

/* The set that ring 3 has while it is stopped behind its int3: from what was loaded, not read. */
void known_user_set(struct user_regs *known);

#endif
