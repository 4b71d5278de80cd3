/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A #DB before every instruction of the entry text. Each run of the scenario has breakpoints at
 * four neighbouring bytes, of which those strike, once, that begin an instruction. Their handler
 * leaves PKRS in a mess and takes one more exception that does the same. So whatever the
 * interrupted stub had only half saved, in a register, in a global or below its stack pointer, is
 * gone. Mode "ist": the #DB has its own stack; "stack": it pushes onto the interrupted one, which
 * finds what is kept below %rsp, but cannot be done while %rsp belongs to ring 3; "nmi": the #DB
 * ends in an NMI at the same instruction, except where an NMI must not be unblocked yet.
 */
#include "../include/kernel.h"

#define MESS	0x0000fff0u
#define RESERVED_VECTOR	9

static const struct step {
	snippet_t snippet;
	enum vector vector;
	bool resume;
} steps[] = {
	{ snip_int3, VEC_BP, false },
	{ snip_touch, VEC_PF, false },
	{ snip_nmi, VEC_NMI, false },
	{ snip_ud2, VEC_UD, true },
	{ snip_np, VEC_NP, true },
	{ snip_gp, VEC_GP, true },
	{ snip_ss, VEC_SS, true },
	{ snip_df, VEC_DF, false },
	{ snip_int9, VEC_DB, false },
};

static volatile struct {
	const struct step *step;
	u64 window;		/* breakpoints at this address and the next three */
	u32 armed;		/* a bit for each that has not struck yet */
	bool nested;		/* the handler's own #BP is due */
	bool nmi_due;		/* asm_inject_nmi goes on to asm_exc_nmi */
	bool break_iret;
	int bad;
	long fires;
} now;

static u8 hit[4096];
static enum { MODE_IST, MODE_STACK, MODE_NMI } mode;

/* Leave PKRS in a mess, let one more exception do the same, and arm what is left of the window. */
static void make_a_mess(void)
{
	wrmsr(MSR_PKRS, MESS);
	now.nested = true;
	asm volatile("int3" : : : "memory");
	if (now.nested || rdmsr(MSR_PKRS) != MESS)
		now.bad++;
	write_dr7(dr7_execute(now.armed));
}

static bool hook(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	struct entry_ext *ext = ENTRY_EXT(regs);

	(void)error;
	if (rdmsr(MSR_PKRS) != PKRS_DEFAULT || !rcu_watching)
		now.bad++;
	if (vector == VEC_DB && (read_dr6() & now.armed)) {
		u32 which = 1u << (regs->ip - now.window);

		if ((read_dr6() & 0xf) != which)
			now.bad++;
		now.armed &= ~which;
		now.fires++;
		hit[regs->ip - (u64)entry_text_start] = 1;
		write_dr6(0);
		write_dr7(0);		/* not in here: this handler must not be interrupted */
		regs->flags |= 1 << 16;
		if (mode == MODE_NMI)
			now.nmi_due = true;
		else
			make_a_mess();
		return true;
	}
	if (now.nmi_due) {
		now.nmi_due = false;
		if (vector != VEC_NMI)
			now.bad++;
		make_a_mess();
		return true;
	}
	if (now.nested) {
		if (vector != VEC_BP || (u32)ext->arch.pks != MESS)
			now.bad++;
		now.nested = false;
		wrmsr(MSR_PKRS, ~MESS & ~3u);
		return true;
	}
	if (user_mode(regs)) {
		if (now.break_iret) {
			now.break_iret = false;
			regs->ss = 0;
		} else {
			regs->ss = USER_DS;
		}
		if (vector == VEC_NMI)
			regs->ip = (unsigned long)usnip_spin_done;
		return vector == VEC_BP || vector == VEC_GP || vector == VEC_NMI;
	}
	if (!now.step || vector != now.step->vector)
		return false;
	if (vector == VEC_PF)
		ext->arch.pks &= ~KEY_AD(1);
	if (now.step->resume)
		regs->ip = (unsigned long)snip_done;
	if (vector == VEC_DF) {
		regs->sp = df_sp;
		regs->ip = (unsigned long)snip_df_resume;
	}
	return true;
}

static unsigned long sys_hook(ENTRY_PARAMS, unsigned long nr)
{
	(void)ENTRY_EXT(regs);
	return nr + 1;
}

static void kernel_step(const struct step *step, u64 seed)
{
	u32 pkrs = PKRS_DEFAULT ^ ((u32)seed & 0xff) << 8;
	struct user_regs set, in;

	now.step = step;
	fill_regs(&set, seed);
	in = set;
	wrmsr(MSR_PKRS, pkrs);
	probe(&set, step->snippet);
	if (step->vector == VEC_PF)
		pkrs &= ~KEY_AD(1);
	if (rdmsr(MSR_PKRS) != pkrs || !same_gprs(&set, &in))
		now.bad++;
	now.step = NULL;
}

static void user_step(snippet_t snippet, bool is_syscall, u64 seed)
{
	struct user_regs in, expect;
	u32 before = PKRS_DEFAULT ^ 0xf000;

	fill_regs(&in, seed);
	expect = in;
	if (is_syscall) {
		expect.ax = in.ax + 1;
		expect.cx = (unsigned long)snippet + 2;
		expect.r11 = in.flags;
	}
	wrmsr(MSR_PKRS, before);
	user_probe(&in, snippet, PKRS_DEFAULT ^ 0x1000);
	if (!same_gprs(&u_out, &expect) || rdmsr(MSR_PKRS) != before || !rcu_watching)
		now.bad++;
}

static void scenario(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		kernel_step(&steps[i], i + 1);
	user_step(usnip_int3, false, 31);
	user_step(usnip_syscall, true, 32);
	user_step(usnip_nmi, false, 33);
	now.break_iret = true;
	user_step(usnip_int3, false, 34);
}

/* May the injected exception not strike here? */
static bool exempt(u64 addr)
{
	/* The next NMI would overwrite the frame of this one: see asm_exc_nmi. */
	if (mode == MODE_NMI)
		return (addr >= (u64)asm_exc_nmi && addr < (u64)nmi_safe) ||
		       (addr >= (u64)nmi_from_user && addr < (u64)entry_SYSCALL_64);
	if (mode == MODE_IST)
		return false;
	return (addr >= (u64)entry_SYSCALL_64 && addr < (u64)syscall_gap_end) ||
	       (addr >= (u64)sysret_gap_start && addr < (u64)sysret_gap_end);
}

static void inject(const char *name, const char *what)
{
	if (entry_text_end - entry_text_start > (long)sizeof(hit))
		bail("the entry text outgrew the hit map");
	trap_hook = hook;
	syscall_hook = sys_hook;
	now.bad = 0;
	now.fires = 0;
	memset(hit, 0, sizeof(hit));
	set_gate(VEC_DB, mode == MODE_NMI ? asm_inject_nmi : asm_inject_debug,
		 mode == MODE_STACK ? IST_NONE : IST_DB, 0);
	set_gate(RESERVED_VECTOR, asm_exc_debug, IST_NONE, 0);
	for (u64 addr = (u64)entry_text_start; addr < (u64)entry_text_end; addr += 4) {
		now.window = addr;
		now.armed = 0;
		for (int i = 0; i < 4; i++) {
			write_dr(i, addr + i);
			if (addr + i < (u64)entry_text_end && !exempt(addr + i))
				now.armed |= 1u << i;
		}
		write_dr7(dr7_execute(now.armed));
		scenario();
		write_dr7(0);
	}
	now.armed = 0;
	set_gate(VEC_DB, asm_exc_debug, IST_DB, 0);
	print("# inject-%s hit:", name);
	for (u64 i = 0; i < sizeof(hit); i++)
		if (hit[i])
			print(" %x", (u64)entry_text_start + i);
	print("\n");
	print("# inject-%s: %d injections, %d bad\n", name, now.fires, (long)now.bad);
	ok(now.fires > 100 && now.bad == 0, what);
	wrmsr(MSR_PKRS, PKRS_DEFAULT);
	trap_hook = NULL;
	syscall_hook = NULL;
}

void test_inject_ist(void)
{
	mode = MODE_IST;
	inject("ist", "a #DB before every instruction changes nothing");
}

void test_inject_stack(void)
{
	mode = MODE_STACK;
	inject("stack", "a #DB on the interrupted stack before every instruction changes nothing");
}

void test_inject_nmi(void)
{
	mode = MODE_NMI;
	inject("nmi", "an NMI before every instruction changes nothing");
}
