/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every exception that ring 0 can raise: each register is in its field, the rest of the frame is
 * what the manual promises, and everything is back after the return.
 */
#include "../include/kernel.h"

static const struct shot {
	const char *name;
	snippet_t snippet;
	enum vector vector;
	unsigned long error;
	snippet_t resume;	/* where the hook sends a snippet that would fault for ever */
} shots[] = {
	{ "#BP", snip_int3, VEC_BP, -1ul, NULL },
	{ "#UD", snip_ud2, VEC_UD, -1ul, snip_done },
	{ "#NP", snip_np, VEC_NP, 0x38, snip_done },
	{ "#GP", snip_gp, VEC_GP, 0x100, snip_done },
	{ "#SS", snip_ss, VEC_SS, 0x38, snip_done },
	{ "#PF", snip_touch, VEC_PF, 0x21, snip_done },
	{ "#DB", snip_nop, VEC_DB, -1ul, NULL },
	{ "int 2", snip_nmi, VEC_NMI, 0, NULL },
	{ "#DF", snip_df, VEC_DF, 0, snip_df_resume },
	{ "#DF at iret_insn", snip_df_iret, VEC_DF, 0, snip_df_resume },
};

static const struct shot *volatile shot;
static volatile int hits;
static volatile bool frame_ok;
static struct user_regs seen;

static bool hook(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	unsigned long trap_len = vector == VEC_BP ? 1 : vector == VEC_NMI ? 2 : 0;

	hits++;
	regs_by_name(&seen, regs);
	frame_ok = vector == shot->vector && error == shot->error &&
		   regs->cs == KERNEL_CS && regs->orig_ax == -1ul &&
		   frame_pointer_finds(regs) &&
		   (regs->flags & 0xcff) == (k_in.flags & 0xcff) && ENTRY_EXT(regs);
	if (vector == VEC_DF)
		regs->sp = df_sp;	/* #DF is an abort (SDM Vol. 3A, 6.15): ip means little */
	else
		frame_ok = frame_ok && regs->ip == (unsigned long)shot->snippet + trap_len &&
			   regs->ss == KERNEL_DS;
	if (shot->resume)
		regs->ip = (unsigned long)shot->resume;
	if (vector == VEC_DB) {
		frame_ok = frame_ok && (read_dr6() & 1);
		write_dr6(0);
		write_dr7(0);
		regs->flags |= 1 << 16;	/* RF: do not stop at the same instruction again */
	}
	return true;
}

void test_frames(void)
{
	struct user_regs set, in;

	trap_hook = hook;
	/* For snip_df_iret: IRET may read its operand here, the #GP may not be pushed. */
	page_set(kernel_page, PTE_RW, 0);
	for (size_t i = 0; i < ARRAY_SIZE(shots); i++) {
		shot = &shots[i];
		hits = 0;
		fill_regs(&set, i + 1);
		in = set;
		if (shot->vector == VEC_DB) {
			write_dr(0, (u64)snip_nop);
			write_dr7(dr7_execute(1));
		}
		probe(&set, shot->snippet);
		print("# %s\n", shot->name);
		ok(hits == 1 && frame_ok, "frame as the manual says");
		ok(same_gprs(&seen, &in), "every register in its field");
		ok(same_gprs(&set, &in) && (set.flags & 0xcff) == (in.flags & 0xcff),
		   "every register restored");
	}
	page_set(kernel_page, 0, PTE_RW);
	trap_hook = NULL;
}
