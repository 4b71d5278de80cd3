/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * NMI in NMI. The CPU blocks NMIs until IRET; an exception inside the handler ends with an IRET,
 * and from then on the next NMI may strike anywhere, the last instruction of the exit included.
 */
#include "../include/kernel.h"

enum plan {
	PLAN_BLOCKED,		/* send one in the handler: it must wait */
	PLAN_UNBLOCKED,		/* ... and take a #BP first: it must nest */
	PLAN_DEEP,		/* the same in the nested one */
	PLAN_AT,		/* send one at a given instruction of the stub */
};

static volatile struct {
	enum plan plan;
	int count;		/* NMIs in all */
	int depth, max_depth;
	int sent;
	int bad;
	bool fired;
} nmi;

static bool hook(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	struct user_regs before, after;
	bool send, unblock;

	(void)error;
	if (rdmsr(MSR_PKRS) != PKRS_DEFAULT || !ENTRY_EXT(regs))
		nmi.bad++;
	if (vector == VEC_BP)
		return true;
	if (vector == VEC_DB) {
		/* The NMI that we send is blocked until the IRET of this very #DB. */
		write_dr7(0);
		write_dr6(0);
		regs->flags |= 1 << 16;
		nmi.fired = true;
		nmi.sent++;
		send_nmi();
		return true;
	}
	if (vector != VEC_NMI)
		return false;
	nmi.count++;
	nmi.depth++;
	if (nmi.depth > nmi.max_depth)
		nmi.max_depth = nmi.depth;
	send = nmi.plan != PLAN_AT && nmi.count <= (nmi.plan == PLAN_DEEP ? 2 : 1);
	unblock = nmi.plan == PLAN_UNBLOCKED || nmi.plan == PLAN_DEEP;
	if (send) {
		int count = nmi.count;

		regs_by_name(&before, regs);
		nmi.sent++;
		send_nmi();
		for (volatile int i = 0; i < 100; i++)
			;
		if (nmi.count != count)
			nmi.bad++;	/* came in spite of the block */
		if (unblock)
			asm volatile("int3; nop; nop" : : : "memory");
		if (unblock && nmi.count != count + (nmi.plan == PLAN_DEEP && count == 1 ? 2 : 1))
			nmi.bad++;	/* did not come although unblocked */
		regs_by_name(&after, regs);
		if (memcmp(&before, &after, sizeof(before)))
			nmi.bad++;	/* our frame was hit */
	}
	if (--nmi.depth < 0)
		bail("an NMI returned twice: its frame was overwritten");
	if (regs->ip == (unsigned long)snip_spin)
		regs->ip = (unsigned long)snip_spin_done;
	return true;
}

static bool run(enum plan plan, u64 seed)
{
	struct user_regs set, in;
	u32 pkrs = PKRS_DEFAULT ^ 0x300;

	nmi.plan = plan;
	nmi.count = 0;
	nmi.sent = 0;
	nmi.max_depth = 0;
	nmi.bad = 0;
	/* Where the stub will keep its way out: nothing useful may be there already. */
	for (u64 level = nmi_ist, i = 0; i < 3; i++) {
		level -= NMI_LEVEL_SIZE;
		memset((void *)level, 0xee, sizeof(struct iret_frame));
	}
	fill_regs(&set, seed);
	in = set;
	wrmsr(MSR_PKRS, pkrs);
	/* A real NMI, not int $2: only that one blocks the next. */
	probe(&set, snip_apic_nmi);
	return !nmi.bad && same_gprs(&set, &in) && rdmsr(MSR_PKRS) == pkrs &&
	       nmi.count == 1 + nmi.sent;
}

void test_nmi(void)
{
	u64 ist = nmi_ist;
	bool fine = true;
	long fires = 0;

	trap_hook = hook;
	ok(run(PLAN_BLOCKED, 80) && nmi.max_depth == 1, "a second NMI waits for the IRET");
	ok(run(PLAN_UNBLOCKED, 81) && nmi.max_depth == 2,
	   "an IRET inside the handler lets it nest");
	ok(run(PLAN_DEEP, 82) && nmi.max_depth == 3, "three levels");
	/* Once the IST pointer has moved, an NMI may strike before any instruction of the stub. */
	for (u64 addr = (u64)nmi_safe; addr <= (u64)nmi_iret_insn; addr++) {
		nmi.fired = false;
		write_dr(0, addr);
		write_dr7(dr7_execute(1));
		fine = run(PLAN_AT, addr) && fine;
		write_dr7(0);
		fires += nmi.fired;
	}
	print("# NMI before %d instructions of the NMI stub\n", fires);
	ok(fine && fires > 40, "an NMI before every instruction of the NMI stub");
	nmi.fired = false;
	write_dr(0, (u64)nmi_iret_insn);
	write_dr7(dr7_execute(1));
	ok(run(PLAN_AT, 83) && nmi.fired, "an NMI between the IST pointer's return and IRET");
	ok(nmi_ist == ist, "the IST pointer is back");
	write_dr7(0);
	wrmsr(MSR_PKRS, PKRS_DEFAULT);
	trap_hook = NULL;
}
