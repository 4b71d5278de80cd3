/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ENTRY_H
#define ENTRY_H

#include "thread.h"

/*
 * baseline and fred_frame: the state is a local of the C entry function, so its address must be
 * handed down beside the registers. All others: the registers are enough.
 */
#if STATE_BY_REF
#define ENTRY_STATE		struct entry_ext state = { 0 }
#define ENTRY_ARGS(regs)	regs, &state
#define ENTRY_PARAMS		struct pt_regs *regs, struct entry_ext *state
#else
#define ENTRY_STATE		do { } while (0)
#define ENTRY_ARGS(regs)	regs
#define ENTRY_PARAMS		struct pt_regs *regs
#endif

void irqentry_enter(ENTRY_PARAMS);
void irqentry_exit(ENTRY_PARAMS);

enum vector {
	VEC_DB = 1, VEC_NMI = 2, VEC_BP = 3, VEC_UD = 6, VEC_DF = 8, VEC_NP = 11, VEC_SS = 12,
	VEC_GP = 13, VEC_PF = 14,
};

extern bool rcu_watching;

/* Called by the entry functions; the kernel and the harness each bring their own. */
void handle_exception(ENTRY_PARAMS, enum vector vector, unsigned long error);
unsigned long handle_syscall(ENTRY_PARAMS, unsigned long nr);

/* Is this memory on a stack that entry code builds frames on? Also theirs. */
bool on_entry_stack(const void *from, size_t bytes);

/* PKRS as it was when @regs was interrupted; false if that cannot be known from @regs. */
bool regs_saved_pks(struct pt_regs *regs, u32 *pks);

/* entry/entry.S */
void asm_exc_debug(void);
void asm_exc_nmi(void);
void asm_exc_int3(void);
void asm_exc_invalid_op(void);
void asm_exc_double_fault(void);
void asm_exc_segment_not_present(void);
void asm_exc_stack_segment(void);
void asm_exc_general_protection(void);
void asm_exc_page_fault(void);
void entry_SYSCALL_64(void);
void ret_from_fork(void);
void switch_to_asm(unsigned long *save_sp, unsigned long load_sp);
extern char entry_text_start[], entry_text_end[];
extern char iret_insn[], nmi_safe[], nmi_iret_insn[], nmi_from_user[];
extern char syscall_gap_end[], sysret_gap_start[], sysret_gap_end[];

/* What entry.S reads and writes; one CPU, so plain variables. */
extern unsigned long user_sp_scratch;
extern unsigned long current_stack_top;
extern unsigned long nmi_ist;	/* the TSS field itself: the CPU reads it at the next NMI */

#endif
