/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of the interpreter that both versions share; they differ in LOAD_CTX only. */
#ifndef BPF_INTERP_H
#define BPF_INTERP_H

#include "../include/consumer.h"

#define BPF_REGS	4
#define BPF_MAX_INSNS	64

/* Each version brings its own: false if the program may not read there. */
static bool load_ctx(struct pt_regs *ctx, int off, unsigned long *value);

static bool bpf_run(struct pt_regs *ctx, const struct bpf_insn *prog, unsigned long *result)
{
	unsigned long r[BPF_REGS] = { 0 };

	for (int pc = 0; pc < BPF_MAX_INSNS; pc++) {
		const struct bpf_insn *insn = &prog[pc];

		if (insn->dst >= BPF_REGS || insn->src >= BPF_REGS)
			return false;
		switch (insn->op) {
		case BPF_LOAD_CTX:
			if (!load_ctx(ctx, insn->off, &r[insn->dst]))
				return false;
			break;
		case BPF_ADD_IMM:
			r[insn->dst] += (unsigned long)(long)insn->imm;
			break;
		case BPF_XOR:
			r[insn->dst] ^= r[insn->src];
			break;
		case BPF_MOV:
			r[insn->dst] = r[insn->src];
			break;
		case BPF_EXIT:
			*result = r[0];
			return true;
		default:
			return false;
		}
	}
	return false;
}

#endif
