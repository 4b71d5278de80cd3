/* SPDX-License-Identifier: GPL-2.0-only */
/* The entry objects of the kernel, linked into an ordinary process and put through their paces. */
#include <stdio.h>
#include <string.h>

#include "harness.h"

#define MESS		0x0000fff0ul

/* All stacks in one array, so that on_entry_stack() is one comparison. */
static struct {
	u8 kernel[65536];
	u8 thread[THREAD_SIZE];
	u8 entry[THREAD_SIZE];
	u8 nmi[(NMI_LEVELS + 1) * NMI_LEVEL_SIZE];
} stacks __attribute__((aligned(4096)));
static u8 signal_stack[65536] __attribute__((aligned(16)));
static struct thread main_thread;

static const struct shot {
	const char *name;
	snippet_t how, stub;
	enum vector vector;
	bool has_error;
	bool user;
	bool slow;		/* the handler makes SYSRET, or the first IRET, impossible */
} shots[] = {
	{ "#BP, ring 0", h_kernel, asm_exc_int3, VEC_BP, false, false, false },
	{ "#UD, ring 0", h_kernel, asm_exc_invalid_op, VEC_UD, false, false, false },
	{ "#GP, ring 0", h_kernel, asm_exc_general_protection, VEC_GP, true, false, false },
	{ "#PF, ring 0", h_kernel, asm_exc_page_fault, VEC_PF, true, false, false },
	{ "#DB, ring 0", h_kernel, asm_exc_debug, VEC_DB, false, false, false },
	{ "#DF, ring 0", h_kernel, asm_exc_double_fault, VEC_DF, true, false, false },
	{ "NMI, ring 0", h_nmi, asm_exc_nmi, VEC_NMI, false, false, false },
	{ "#BP, ring 3", h_user, asm_exc_int3, VEC_BP, false, true, false },
	{ "#NP, ring 3", h_user, asm_exc_segment_not_present, VEC_NP, true, true, false },
	{ "#SS, ring 3", h_user, asm_exc_stack_segment, VEC_SS, true, true, false },
	{ "#DB, ring 3", h_user, asm_exc_debug, VEC_DB, false, true, false },
	{ "NMI, ring 3", h_user, asm_exc_nmi, VEC_NMI, false, true, false },
	{ "bad IRET", h_user, asm_exc_int3, VEC_BP, false, true, true },
	{ "SYSCALL", h_syscall, NULL, 0, false, true, false },
	{ "SYSCALL, IRET", h_syscall, NULL, 0, false, true, true },
};

static const struct shot *shot;
static volatile int hits, nested, wrong, bad_irets;
static struct user_regs seen;
static u64 live_in_handler, saved_in_frame;
static struct pt_regs *dead;	/* the frame of the latest shot */
static u64 probe_sp;		/* h_sp of the shot: a nested frame overwrites the variable */

bool on_entry_stack(const void *from, size_t bytes)
{
	const u8 *p = from, *start = (const u8 *)&stacks;

	return p >= start && p + bytes <= start + sizeof(stacks);
}

static void see(struct pt_regs *regs)
{
	const unsigned long all[] = {
		regs->r15, regs->r14, regs->r13, regs->r12, regs->bp, regs->bx, regs->r11,
		regs->r10, regs->r9, regs->r8, regs->ax, regs->cx, regs->dx, regs->si, regs->di,
		regs->orig_ax, regs->ip, regs->cs, regs->flags, regs->sp, regs->ss,
	};

	memcpy(&seen, all, sizeof(seen));
}

/* Does a walk along rbp meet @regs? Is it, and no copy of it, a frame with an extension? */
static void ask_accessor(struct pt_regs *regs)
{
	unsigned long fp = (unsigned long)__builtin_frame_address(0);

	while (!(fp & 1) && on_entry_stack((void *)fp, 2 * sizeof(fp)))
		fp = *(unsigned long *)fp;
	if (fp != (unsigned long)regs + 1)
		wrong++;
	dead = regs;
#if !STATE_BY_REF
	struct synthetic_frame copy = *container_of(regs, struct synthetic_frame, regs);

	if (!pt_regs_has_extension(regs) || pt_regs_has_extension(&copy.regs))
		wrong++;
#endif
}

/* An exception on top of whatever runs: one level more of everything. */
static void nest(void)
{
	snippet_t stub = h_stub;
	u64 has_error = h_has_error, step = h_step, sp = h_sp;

	nested = 1;
	h_stub = asm_exc_invalid_op;
	h_has_error = 0;
	h_step = 0;
	h_kernel();
	if (nested)
		wrong++;
	h_stub = stub;
	h_has_error = has_error;
	h_step = step;
	h_sp = sp;
}

static struct entry_ext *ext_of(ENTRY_PARAMS)
{
#if STATE_BY_REF
	(void)regs;
	return state;
#else
	return pt_regs_extension(regs);
#endif
}

#if STATE_BY_REF
#define PASS(regs)	regs, state
#else
#define PASS(regs)	regs
#endif

void handle_exception(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	struct entry_ext *ext = ext_of(PASS(regs));

	if (pkrs != PKRS_DEFAULT || !rcu_watching || !ext)
		wrong++;
	if (nested) {
		nested = 0;
		pkrs = ~MESS & 0xfffffffcul;
		return;
	}
	if (!user_mode(regs) && regs->ip >= (u64)entry_text_start &&
	    regs->ip < (u64)entry_text_end) {
		/* The injected one. It has no registers to show, only damage to do. */
		pkrs = MESS;
		nest();
		if (pkrs != MESS)
			wrong++;
		return;
	}
	if (vector == VEC_GP && shot->slow && hits == 1) {
		/* The bad IRET, as if ring 3 had raised it: same frame, same PKRS. */
		if (error || regs != task_pt_regs(current) || regs->ss || regs->cs != USER_CS ||
		    ext->arch.pks != saved_in_frame)
			wrong++;
		regs->ss = USER_DS;
		bad_irets++;
		return;
	}
	hits++;
	live_in_handler = pkrs;
	saved_in_frame = ext->arch.pks;
	see(regs);
	ask_accessor(regs);
	if (shot->slow)
		regs->ss = 0;
	if (vector != shot->vector || regs->orig_ax != -1ul ||
	    error != (shot->has_error ? h_error : vector == VEC_NMI ? 0 : -1ul))
		wrong++;
	if (user_mode(regs) != shot->user || (shot->user && regs != task_pt_regs(current)))
		wrong++;
	if (ext->generic.exit_rcu != shot->user)
		wrong++;
}

unsigned long handle_syscall(ENTRY_PARAMS, unsigned long nr)
{
	struct entry_ext *ext = ext_of(PASS(regs));

	hits++;
	live_in_handler = pkrs;
	saved_in_frame = ext->arch.pks;
	see(regs);
	ask_accessor(regs);
	if (shot->slow)
		regs->cx = 0x1234;
	if (regs != task_pt_regs(current) || regs->orig_ax != nr || nr != k_in.ax)
		wrong++;
	return nr + 1;
}

/* One entry; false if anything is not as it was before. */
static bool shoot(const struct shot *s, u64 seed)
{
	const u64 before = PKRS_DEFAULT ^ 0x4400;
	unsigned long *word = (unsigned long *)&k_in;
	struct user_regs expect;

	for (int i = 0; i < USER_REGS_WORDS; i++)
		word[i] = seed << 32 ^ (u64)(i + 1) * 0x0101010101010101ul;
	k_in.flags = 0xcd7;
	shot = s;
	hits = 0;
	bad_irets = 0;
	wrong = 0;
	nested = 0;
	steps = 0;
	h_stub = s->stub;
	h_has_error = s->has_error;
	h_error = 0x38;
	pkrs = before;
	rcu_watching = !s->user;
	k_snippet = s->how;
	probe_asm();
	expect = k_in;
	if (!s->stub) {
		expect.cx = (u64)h_resume;
		expect.r11 = k_in.flags | 0x200;
	}
	if (memcmp(&seen, &expect, offsetof(struct user_regs, r11)) ||
	    (s->stub && memcmp(&seen, &expect, offsetof(struct user_regs, orig_ax))) ||
	    seen.ip != (u64)h_resume || (seen.flags & 0xcff) != (k_in.flags & 0xcff) ||
	    seen.sp != probe_sp)
		wrong++;
	if (!s->stub)
		expect.ax = k_in.ax + 1;
	if (!s->stub && s->slow)
		expect.cx = 0x1234;
#if !STATE_BY_REF
	if (pt_regs_has_extension(dead) || accessor_traps)
		wrong++;
#endif
	if (memcmp(&k_out, &expect, offsetof(struct user_regs, orig_ax)) ||
	    (k_out.flags & 0xcff) != (k_in.flags & 0xcff))
		wrong++;
	if (rcu_watching != !s->user)
		wrong++;
	rcu_watching = true;
	return hits == 1 && bad_irets == (s->stub && s->slow) && !wrong && pkrs == before &&
	       saved_in_frame == before && live_in_handler == PKRS_DEFAULT;
}

static long count, failed;

#if !STATE_BY_REF
/* Carries a tag that is right for its place; only the place is not one for frames. */
static struct synthetic_frame not_entered;
#endif

static void report(bool passed, const char *name, const char *what)
{
	count++;
	failed += !passed;
	printf("%s %ld - %s: %s\n", passed ? "ok" : "not ok", count, name, what);
}

static void all_tests(void)
{
	long injections = 0;

	for (size_t i = 0; i < ARRAY_SIZE(shots); i++) {
		const struct shot *s = &shots[i];
		bool good = true;

		h_step = 0;
		inject_at = -1;
		probe_sp = 0;
		shoot(s, i + 1);	/* to learn the stack pointer, which is always the same */
		probe_sp = h_sp;
		report(shoot(s, i + 1), s->name, "every register in its field and back, PKRS, RCU");
		h_step = TF;
		shoot(s, i + 1);
		for (long last = steps, n = 0; n < last; n++, injections++) {
			inject_at = n;
			good = shoot(s, i + 1) && good;
		}
		inject_at = -1;
		report(good && steps > 20, s->name, "an exception at every instruction");
	}
	printf("# %ld injections\n", injections);
#if !STATE_BY_REF
	report(!pt_regs_extension(&not_entered.regs), "accessor", "refuses what is on no stack");
	report(!pt_regs_extension((struct pt_regs *)64), "accessor", "without reading there");
#ifdef DEBUG
	report(accessor_traps == 2, "accessor", "traps, because this is a debug build");
#else
	report(accessor_traps == 0, "accessor", "does not trap in a release build");
#endif
#endif
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (LAYOUT_IS(append_tail)) {
		puts("1..0 # SKIP append_tail overwrites the stack that this process needs");
		return 0;
	}
	main_thread.stack_top = (u64)(stacks.thread + sizeof(stacks.thread));
	current = &main_thread;
	current_stack_top = entry_stack_top(current);
	h_entry_stack = (u64)(stacks.entry + sizeof(stacks.entry)) - CPU_STACK_GAP;
	nmi_ist = (u64)(stacks.nmi + sizeof(stacks.nmi)) - CPU_STACK_GAP;
	cpu_start(signal_stack, sizeof(signal_stack));
#if !STATE_BY_REF
	extension_claim(&not_entered.regs, extension_unchecked(&not_entered.regs), false);
#endif
	call_on_stack(all_tests, stacks.kernel + sizeof(stacks.kernel));
	printf("1..%ld\n", count);
	return failed || !count;
}
