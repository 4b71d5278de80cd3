/* SPDX-License-Identifier: GPL-2.0-only */
/* Register sets: made, run through the kernel, compared. */
#include "../include/kernel.h"

/* Arithmetic flags and DF, but nothing that changes how the CPU works. */
#define TEST_FLAGS	0xcd7ul

/* No two registers alike, no two seeds alike, upper and lower halves alike never. */
void fill_regs(struct user_regs *set, u64 seed)
{
	unsigned long *word = (unsigned long *)set;

	for (int i = 0; i < USER_REGS_WORDS; i++)
		word[i] = (seed << 32) ^ ((u64)(i + 1) * 0x0101010101010101ul);
	set->flags = TEST_FLAGS;
}

void regs_by_name(struct user_regs *to, const struct pt_regs *regs)
{
	*to = (struct user_regs){
		.r15 = regs->r15, .r14 = regs->r14, .r13 = regs->r13, .r12 = regs->r12,
		.bp = regs->bp, .bx = regs->bx, .r11 = regs->r11, .r10 = regs->r10,
		.r9 = regs->r9, .r8 = regs->r8, .ax = regs->ax, .cx = regs->cx, .dx = regs->dx,
		.si = regs->si, .di = regs->di, .orig_ax = regs->orig_ax, .ip = regs->ip,
		.cs = regs->cs, .flags = regs->flags, .sp = regs->sp, .ss = regs->ss,
	};
}

/* r15 to di; the rest differs between two moments of one program. */
bool same_gprs(const struct user_regs *a, const struct user_regs *b)
{
	return !memcmp(a, b, offsetof(struct user_regs, orig_ax));
}

/* Does a walk along rbp meet @regs? ENCODE_FRAME_POINTER leaves its address plus one there. */
bool frame_pointer_finds(const struct pt_regs *regs)
{
	unsigned long fp = (unsigned long)__builtin_frame_address(0);

	while (!(fp & 1) && on_entry_stack((void *)fp, 2 * sizeof(fp)))
		fp = *(unsigned long *)fp;
	return fp == (unsigned long)regs + 1;
}

/* Ring 0: *@io goes in and comes back changed by whatever happened. */
void probe(struct user_regs *io, snippet_t snippet)
{
	k_in = *io;
	k_snippet = snippet;
	probe_asm();
	*io = k_out;
}

/* Ring 3: the result is in u_out. */
void user_probe(const struct user_regs *in, snippet_t snippet, u32 pkrs)
{
	u_in = *in;
	u_snippet = snippet;
	memset(&u_out, 0, sizeof(u_out));
	run_user(u_probe, pkrs);
}
