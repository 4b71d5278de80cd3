/* SPDX-License-Identifier: GPL-2.0-only */
/* Consumers that meet or make exception frames of the kernel itself. */
#include "consume.h"

static const struct consumer *volatile now;
static struct outcome outcome;

/* --- unwind: exception, interrupted function, its caller --- */

extern char unwind_here[];
static void *volatile unwind_caller;

/* The word right above the hardware frame is unused here; append_tail will want it. */
static noinline void interrupted(void)
{
	unwind_caller = __builtin_return_address(0);
	asm volatile("movq %%rsp, %%rbx\n\t"
		     "andq $-16, %%rsp\n\t"
		     "subq $8, %%rsp\n\t"
		     "int3\n"
		     ".globl unwind_here\n"
		     "unwind_here:\n\t"
		     "movq %%rbx, %%rsp" : : : "rbx", "memory");
}

static noinline void caller(void)
{
	interrupted();
	asm volatile("" : : : "memory");
}

static bool unwind_hook(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	unsigned long ips[24];
	int n;

	(void)error;
	(void)ENTRY_EXT(regs);
	if (vector != VEC_BP)
		return false;
	n = now->unwind((unsigned long)__builtin_frame_address(0), ips, ARRAY_SIZE(ips));
	for (int i = 0; i + 1 < n; i++)
		if (ips[i] == (unsigned long)unwind_here &&
		    ips[i + 1] == (unsigned long)unwind_caller)
			outcome.kernel = true;
	return true;
}

struct outcome try_unwind(const struct consumer *c)
{
	now = c;
	outcome = (struct outcome){ false, true };
	trap_hook = unwind_hook;
	caller();
	trap_hook = NULL;
	return outcome;
}

/* --- kretprobe: a function that returns into a trampoline --- */

#define PROBE_PKRS	(PKRS_DEFAULT ^ 0x3300)

extern unsigned long hijack_ret, hijack_sp;
extern snippet_t hijack_to;
void snip_hijack(void);

static volatile bool reported;

unsigned long kretprobe_report(struct pt_regs *regs, u32 pks)
{
	struct user_regs got;

	regs_by_name(&got, regs);
	reported = true;
	outcome.kernel = same_gprs(&got, &k_in) && (got.flags & 0xcff) == (k_in.flags & 0xcff) &&
			 got.sp == hijack_sp && pks == PROBE_PKRS && !pt_regs_has_extension(regs);
	return hijack_ret;
}

struct outcome try_kretprobe(const struct consumer *c)
{
	struct user_regs set, in;

	outcome = (struct outcome){ false, true };
	reported = false;
	hijack_to = c->trampoline;
	fill_regs(&set, 110);
	in = set;
	wrmsr(MSR_PKRS, PROBE_PKRS);
	probe(&set, snip_hijack);
	if (!reported || !same_gprs(&set, &in))
		outcome.kernel = false;
	wrmsr(MSR_PKRS, PKRS_DEFAULT);
	return outcome;
}

/* --- kvm: a frame that somebody made, in the hands of the real entry code --- */

static struct user_regs guest;

static void enter(struct pt_regs *regs)
{
	struct user_regs got;
	ENTRY_STATE;

	irqentry_enter(ENTRY_ARGS(regs));
	regs_by_name(&got, regs);
	outcome.kernel = same_gprs(&got, &guest) && got.ip == guest.ip && got.sp == guest.sp &&
			 got.flags == guest.flags && got.cs == KERNEL_CS && got.ss == KERNEL_DS &&
			 got.orig_ax == -1ul;
	if (!STATE_BY_REF && !pt_regs_has_extension(regs))
		outcome.kernel = false;
	irqentry_exit(ENTRY_ARGS(regs));
}

struct outcome try_kvm(const struct consumer *c)
{
	outcome = (struct outcome){ false, true };
	fill_regs(&guest, 120);
	if (!c->inject(&guest, enter))
		outcome.kernel = false;
	return outcome;
}
