/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HARNESS_H
#define HARNESS_H

#include "../include/entry.h"
#include "../include/uapi.h"

/* harness/cpu.c: the privileged part of the CPU, played by signal handlers */
extern volatile u64 pkrs;
extern volatile long inject_at;		/* which step to interrupt; negative: none */
extern volatile int accessor_traps;	/* ud2 of the accessor, debug build */
extern volatile long steps;		/* instruction boundaries in the entry text, so far */
void cpu_start(void *signal_stack, size_t size);

/* harness/stubs.S */
typedef void (*snippet_t)(void);
extern struct user_regs k_in, k_out;
extern snippet_t k_snippet, h_stub;
extern u64 h_error, h_has_error, h_step, h_sp, h_entry_stack;
void h_kernel(void), h_user(void), h_nmi(void), h_syscall(void), h_resume(void);
void probe_asm(void);
void call_on_stack(void (*fn)(void), void *top);

#define TF	0x100ul

#endif
