/* SPDX-License-Identifier: GPL-2.0-only */
/* What the test kernel offers to its tests. */
#ifndef KERNEL_H
#define KERNEL_H

#include "entry.h"
#include "uapi.h"
#include "x86.h"

/* kernel/lib.c */
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
bool streq(const char *a, const char *b);
void print(const char *fmt, ...);	/* %s, %x (unsigned long), %d (long) */

/* kernel/tap.c */
extern bool fail_fast;
bool ok(bool passed, const char *name);
void tap_end(void) __attribute__((noreturn));
void tap_skip(const char *why) __attribute__((noreturn));
void bail(const char *why) __attribute__((noreturn));

/* boot/setup.c */
void setup_cpu(void);
bool setup_pks(void);
void set_gate(int vector, void (*stub)(void), int ist, int dpl);
void page_set(void *page, u64 clear, u64 set);
void send_nmi(void);
#define PTE_P		0x01ul
#define PTE_RW		0x02ul
#define PTE_U		0x04ul
#define PTE_KEY(n)	((u64)(n) << 59)
#define IST_NONE	0
#define IST_DF		1
#define IST_NMI		2
#define IST_DB		3

/* kernel/handlers.c */
typedef bool (*trap_hook_t)(ENTRY_PARAMS, enum vector vector, unsigned long error);
typedef unsigned long (*syscall_hook_t)(ENTRY_PARAMS, unsigned long nr);
extern volatile trap_hook_t trap_hook;
extern volatile syscall_hook_t syscall_hook;
extern struct thread boot_thread, user_thread, child_thread;
extern void *volatile handler_frame;	/* handle_exception()'s own: see tests/measure.c */
extern volatile u32 exit_pks;		/* PKRS of the latest thread when it called exit */
void run_user(const void *ip, u32 pkrs);
void init_user_regs(struct pt_regs *regs, const void *ip);
enum { SYS_exit = 60, SYS_fork = 57, SYS_sigreturn = 15, SYS_probe = 400 };

/* The extension as a hook sees it, whatever the layout. */
#if STATE_BY_REF
#define ENTRY_EXT(regs)		((void)(regs), state)
#define ENTRY_PASS(regs)	regs, state
#else
#define ENTRY_EXT(regs)		pt_regs_extension(regs)
#define ENTRY_PASS(regs)	regs
#endif

/* tests/probe.S and tests/support.c */
typedef void (*snippet_t)(void);
void probe(struct user_regs *io, snippet_t snippet);
void user_probe(const struct user_regs *in, snippet_t snippet, u32 pkrs);
void fill_regs(struct user_regs *set, u64 seed);
void regs_by_name(struct user_regs *to, const struct pt_regs *regs);
bool frame_pointer_finds(const struct pt_regs *regs);
bool same_gprs(const struct user_regs *a, const struct user_regs *b);
void snip_int3(void), snip_done(void), snip_ud2(void), snip_np(void), snip_gp(void);
void snip_ss(void), snip_touch(void), snip_write(void), snip_nmi(void), snip_nop(void);
void snip_int9(void), snip_apic_nmi(void), snip_spin(void), snip_spin_done(void);
void asm_inject_debug(void), asm_inject_nmi(void);
void snip_df(void), snip_df_resume(void), snip_df_iret(void), tail_probe(u64 words[4], u64 shift);
extern u64 df_sp;
extern struct user_regs u_in, u_out, k_in, k_out;
extern snippet_t u_snippet, k_snippet;
extern char u_stack_top[], u_child_stack_top[];
void probe_asm(void), u_probe(void), u_handler(void);
void usnip_int3(void), usnip_done(void), usnip_ud2(void), usnip_touch(void), usnip_syscall(void);
void usnip_nop(void), usnip_nmi(void), usnip_spin(void), usnip_spin_done(void);

/* Pages with keys 1 and 2, and one that only the kernel may touch. */
extern u8 key1_page[], key2_page[], kernel_page[];
#define KEY_AD(n)	(1u << (2 * (n)))
#define KEY_WD(n)	(2u << (2 * (n)))

/* tests/: one function per suite */
void test_frames(void), test_user(void), test_pks(void), test_nesting(void), test_nmi(void);
void test_extension(void), test_inject_ist(void), test_inject_stack(void), test_inject_nmi(void);
void test_consumers(void);
void test_tail(void), test_measure(void), test_fork(void);

#endif
