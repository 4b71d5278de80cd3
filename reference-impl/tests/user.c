/* SPDX-License-Identifier: GPL-2.0-only */
/* Ring 3: every way in, both ways out, the frame at the top of the thread stack, bad IRET. */
#include "../include/kernel.h"

#define USER_PKRS	(PKRS_DEFAULT ^ 0x3000)

static struct {
	enum vector vector;	/* what is expected; 0 for a system call */
	unsigned long error;
	volatile int hits;
	volatile bool frame_ok;
	bool break_iret;
	bool slow;		/* leave through IRET */
} want;
static struct user_regs seen;

/* fred_frame only: the event data above the registers, CR2 for #PF. */
static bool fred_info_is(u64 edata)
{
#if LAYOUT_IS(fred_frame)
	return fred_info(current)->edata == edata &&
	       (u64)(fred_info(current) + 1) == current->stack_top;
#else
	(void)edata;
	return true;
#endif
}

static void look(ENTRY_PARAMS)
{
	struct entry_ext *ext = ENTRY_EXT(regs);

	want.hits++;
	regs_by_name(&seen, regs);
	want.frame_ok = regs == task_pt_regs(current) && regs->cs == USER_CS &&
			regs->ss == USER_DS && ext->arch.pks == USER_PKRS &&
			ext->generic.exit_rcu && rcu_watching &&
			rdmsr(MSR_PKRS) == PKRS_DEFAULT && frame_pointer_finds(regs) &&
			fred_info_is(want.vector == VEC_PF ? (u64)kernel_page : 0) &&
			regs->sp == (u64)u_stack_top - 8 - (want.vector == VEC_NMI ? 8 : 0);
}

/*
 * The thread's first IRET to ring 3 stops here, once. All of the frame but IRET's own operand is
 * dead now. Without this, an entry that fails to save something might find it from last time.
 */
static bool scrub(struct pt_regs *regs)
{
	struct pt_regs *dead = task_pt_regs(current);
	u8 *start = (u8 *)dead - CALL_GAP;

	if (user_mode(regs) || regs->ip != (unsigned long)iret_insn)
		return false;
	memset(start, 0xee, (size_t)((u8 *)&dead->ip - start));
#if LAYOUT_IS(append_tail)
	memset(&dead->ext, 0xee, sizeof(dead->ext));
#endif
	write_dr6(0);
	write_dr7(dr7_execute(want.vector == VEC_DB ? 1 : 0));
	regs->flags |= 1 << 16;
	return true;
}

static bool hook(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	if (vector == VEC_DB && scrub(regs))
		return true;
	if (vector != want.vector || error != want.error)
		return false;
	look(ENTRY_PASS(regs));
	if (regs->orig_ax != -1ul)
		want.frame_ok = false;
	if (vector == VEC_UD || vector == VEC_PF)
		regs->ip = (unsigned long)usnip_done;
	if (vector == VEC_NMI)
		regs->ip = (unsigned long)usnip_spin_done;
	if (vector == VEC_DB) {
		write_dr7(0);
		regs->flags |= 1 << 16;
	}
	if (want.break_iret) {
		want.break_iret = false;
		write_dr7(dr7_execute(2));	/* scrub once more, before the IRET that fails */
		regs->ss = 0;		/* IRET to ring 3 with a null ss: #GP(0) */
		want.vector = VEC_GP;
		want.error = 0;
	} else if (vector == VEC_GP) {
		want.frame_ok = regs == task_pt_regs(current) && regs->cs == USER_CS && !regs->ss &&
				regs->ip == (unsigned long)usnip_done &&
				(u32)ENTRY_EXT(regs)->arch.pks == USER_PKRS;
		regs->ss = USER_DS;
	}
	return true;
}

static unsigned long sys_hook(ENTRY_PARAMS, unsigned long nr)
{
	look(ENTRY_PASS(regs));
	if (regs->orig_ax != nr || nr != SYS_probe || regs->ax != -(unsigned long)ENOSYS)
		want.frame_ok = false;
	if (want.slow)
		regs->cx = 0x1234;	/* SYSRET could not do this */
	return 0x600d;
}

static void run(const char *name, snippet_t snippet, enum vector vector, unsigned long error)
{
	struct user_regs in, expect;

	fill_regs(&in, (u64)vector + 40);
	in.ax = vector ? in.ax : SYS_probe;
	want.vector = vector;
	want.error = error;
	want.hits = 0;
	write_dr(1, (u64)iret_insn);
	write_dr7(dr7_execute(vector == VEC_DB ? 3 : 2));
	user_probe(&in, snippet, USER_PKRS);
	print("# ring 3: %s\n", name);
	ok(want.hits > 0 && want.frame_ok, "frame on the thread stack, PKRS and RCU state carried");
	expect = in;
	if (!vector) {
		expect.cx = (unsigned long)snippet + 2;	/* rip, by SYSCALL */
		expect.r11 = in.flags;			/* rflags, by SYSCALL */
		expect.ax = -(unsigned long)ENOSYS;
	} else if (vector == VEC_NMI) {
		expect.ax = 0xfee00300;
	}
	ok(same_gprs(&seen, &expect), "every register in its field");
	if (!vector)
		expect.ax = 0x600d;
	if (!vector && want.slow)
		expect.cx = 0x1234;
	if (vector == VEC_NMI)
		expect.ax = in.ax;
	ok(same_gprs(&u_out, &expect) && (u_out.flags & 0xcff) == (in.flags & 0xcff),
	   "every register restored");
	ok(exit_pks == USER_PKRS, "the thread still has its PKRS when it exits");
}

void test_user(void)
{
	trap_hook = hook;
	syscall_hook = sys_hook;
	run("#BP", usnip_int3, VEC_BP, -1ul);
	run("#UD", usnip_ud2, VEC_UD, -1ul);
	run("#PF", usnip_touch, VEC_PF, 5);
	run("NMI", usnip_nmi, VEC_NMI, 0);
	write_dr(0, (u64)usnip_nop);
	run("#DB", usnip_nop, VEC_DB, -1ul);
	run("syscall, sysret", usnip_syscall, 0, 0);
	want.slow = true;
	run("syscall, iret", usnip_syscall, 0, 0);
	want.slow = false;
	want.break_iret = true;
	run("bad iret", usnip_int3, VEC_BP, -1ul);
	ok(want.hits == 2, "the #GP of the bad iret was delivered as if ring 3 had raised it");
	trap_hook = NULL;
	syscall_hook = NULL;
}
