/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the test driver meets a consumer. Nothing in here depends on LAYOUT: a consumer may have been
 * compiled against the baseline header ("stale") and linked into a kernel with another layout.
 */
#ifndef CONSUMER_H
#define CONSUMER_H

#include "thread.h"
#include "uapi.h"

enum bpf_op { BPF_LOAD_CTX, BPF_ADD_IMM, BPF_XOR, BPF_MOV, BPF_EXIT };

struct bpf_insn {
	u8 op, dst, src;
	short off;
	int imm;
};

struct consumer {
	const char *name, *version, *flavour;

	/* signal: bytes written at @frame; and back */
	size_t (*setup_frame)(struct pt_regs *regs, void *frame);
	void (*restore_frame)(struct pt_regs *regs, const void *frame);
	/* ptrace: @off is an offset into struct user_regs */
	unsigned long (*peek)(struct thread *t, unsigned long off);
	bool (*poke)(struct thread *t, unsigned long off, unsigned long value);
	/* core: bytes written at @note */
	size_t (*core_note)(struct thread *t, void *note);
	/* bpf: false if the program is rejected */
	bool (*bpf_run)(struct pt_regs *ctx, const struct bpf_insn *prog, unsigned long *result);
	/* regtable: offset into struct pt_regs, negative if unknown */
	int (*reg_offset)(const char *name);
	/* perf: bytes written at @sample */
	size_t (*sample)(struct pt_regs *regs, void *sample);
	/* unwind: number of return addresses written to @ips */
	int (*unwind)(unsigned long fp, unsigned long *ips, int max);
	/* kretprobe: code to return to; it calls kretprobe_report() */
	void (*trampoline)(void);
	/* kvm: gives a frame with @guest's registers to @enter; false if its own memory changed */
	bool (*inject)(const struct user_regs *guest, void (*enter)(struct pt_regs *regs));
};

/* tests/consume_kernel.c: what a kretprobe's handler was given, and the address to go on at */
unsigned long kretprobe_report(struct pt_regs *regs, u32 pks);
extern bool on_entry_stack(const void *from, size_t bytes);
extern char entry_text_start[], entry_text_end[];

#define CONSUMER(name_, ...)							\
	static const struct consumer self					\
	__attribute__((section(".consumers"), used, aligned(8))) = {		\
		.name = name_, .version = VERSION, .flavour = FLAVOUR, __VA_ARGS__ \
	}

#endif
