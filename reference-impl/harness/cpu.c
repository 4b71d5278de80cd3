/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same entry object as in the kernel runs here in ring 3. What it may not do faults, and the
 * SIGSEGV handler does it: RDMSR and WRMSR of PKRS, a read of CR2, SYSRETQ, IRETQ to ring 0. With
 * TF set, SIGTRAP comes at every instruction boundary, and an emulated instruction counts as one.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "harness.h"

volatile u64 pkrs;
volatile long inject_at = -1;
volatile long steps;
volatile int accessor_traps;

static void __attribute__((noreturn)) die(const char *why, u64 ip)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "Bail out! %s at %#lx\n", why, ip);

	if (write(1, line, (size_t)n) < 0)
		_exit(3);
	_exit(2);
}

/*
 * What the CPU does for an exception on the same stack: the frame goes below the 16-byte aligned
 * stack pointer. No step is taken inside.
 */
static void hardware_frame(greg_t *r)
{
	u64 *sp = (u64 *)((u64)r[REG_RSP] & ~15ul);

	*--sp = KERNEL_DS;
	*--sp = (u64)r[REG_RSP];
	*--sp = (u64)r[REG_EFL] & ~TF;
	*--sp = KERNEL_CS;
	*--sp = (u64)r[REG_RIP];
	r[REG_RSP] = (greg_t)sp;
	r[REG_EFL] &= ~(greg_t)TF;
}

/* One more boundary; at the chosen one, an exception. */
static void boundary(greg_t *r)
{
	u64 ip = (u64)r[REG_RIP];

	if (ip < (u64)entry_text_start || ip >= (u64)entry_text_end)
		return;
	/* Here the stack pointer is not the kernel's. */
	if ((ip >= (u64)entry_SYSCALL_64 && ip < (u64)syscall_gap_end) ||
	    (ip >= (u64)sysret_gap_start && ip < (u64)sysret_gap_end))
		return;
	if (steps++ != inject_at)
		return;
	hardware_frame(r);
	r[REG_RIP] = (greg_t)asm_exc_debug;
}

static void on_trap(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)info;
	boundary(uc->uc_mcontext.gregs);
}

/* The register that a ModRM rm field names, in the order of the encoding. */
static const int reg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static void on_segv(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	const u8 *ip = (const u8 *)r[REG_RIP];
	const u8 *op = ip + (ip[0] == 0x41);	/* REX.B: one of r8 to r15 */
	bool stepping = r[REG_EFL] & (greg_t)TF;
	u32 value_lo = (u32)r[REG_RAX], value_hi = (u32)r[REG_RDX];

	(void)sig;
	/* An address means a bad access; a #GP of a privileged instruction has none. */
	if (info->si_code != SI_KERNEL)
		die("bad memory access", (u64)ip);
	if (ip[0] == 0x0f && ip[1] == 0x32) {				/* rdmsr */
		if ((u32)r[REG_RCX] != MSR_PKRS)
			die("RDMSR of another MSR", (u64)ip);
		r[REG_RAX] = (greg_t)(u32)pkrs;
		r[REG_RDX] = 0;
		r[REG_RIP] += 2;
	} else if (ip[0] == 0x0f && ip[1] == 0x30) {			/* wrmsr */
		if ((u32)r[REG_RCX] != MSR_PKRS || value_hi)
			die("WRMSR would raise #GP", (u64)ip);
		pkrs = value_lo;
		r[REG_RIP] += 2;
	} else if (op[0] == 0x0f && op[1] == 0x20 && (op[2] & 0xf8) == 0xd0) {	/* mov cr2, reg */
		r[reg_of[(op[2] & 7) + (op - ip) * 8]] = 0;
		r[REG_RIP] += op - ip + 3;
	} else if (ip[0] == 0x48 && ip[1] == 0x0f && ip[2] == 0x07) {	/* sysretq */
		r[REG_EFL] = r[REG_R11];
		r[REG_RIP] = r[REG_RCX];
	} else if (ip[0] == 0x48 && ip[1] == 0xcf &&
		   (((const u64 *)r[REG_RSP])[1] & 3)) {	/* iretq to ring 3: #GP(0) */
		hardware_frame(r);
		r[REG_RSP] -= 8;
		*(u64 *)r[REG_RSP] = 0;
		r[REG_RIP] = (greg_t)asm_exc_general_protection;
	} else if (ip[0] == 0x48 && ip[1] == 0xcf) {			/* iretq to ring 0 */
		const u64 *frame = (const u64 *)r[REG_RSP];

		if (frame[1] != KERNEL_CS || frame[4] != KERNEL_DS)
			die("IRETQ with bad selectors", (u64)ip);
		r[REG_RIP] = (greg_t)frame[0];
		r[REG_EFL] = (greg_t)frame[2];
		r[REG_RSP] = (greg_t)frame[3];
	} else {
		die("unexpected fault", (u64)ip);
	}
	/* A resumed TF traps after the next instruction only; this boundary is ours to report. */
	if (stepping)
		boundary(r);
}

static void on_ill(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	const u8 *ip = (const u8 *)r[REG_RIP];

	(void)sig;
	(void)info;
	if (ip[0] != 0x0f || ip[1] != 0x0b)
		die("illegal instruction", (u64)ip);
	accessor_traps++;
	r[REG_RIP] += 2;
}

static void on_other(int sig, siginfo_t *info, void *context)
{
	(void)info;
	die(strsignal(sig), (u64)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP]);
}

void cpu_start(void *signal_stack, size_t size)
{
	struct itimerval limit = { .it_value = { .tv_sec = 15 } };
	stack_t alt = { .ss_sp = signal_stack, .ss_size = size };
	static const struct {
		int sig;
		void (*handler)(int, siginfo_t *, void *);
	} handlers[] = {
		{ SIGSEGV, on_segv }, { SIGTRAP, on_trap }, { SIGBUS, on_other },
		{ SIGILL, on_ill }, { SIGPROF, on_other },
	};

	if (sigaltstack(&alt, NULL))
		die("sigaltstack", 0);
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
		struct sigaction sa = { .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

		sa.sa_sigaction = handlers[i].handler;
		if (sigaction(handlers[i].sig, &sa, NULL))
			die("sigaction", 0);
	}
	/* A lost entry path must end, too. CPU time: a busy machine is no reason to fail. */
	if (setitimer(ITIMER_PROF, &limit, NULL))
		die("setitimer", 0);
}
