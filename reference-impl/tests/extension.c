/* SPDX-License-Identifier: GPL-2.0-only */
/* The accessor: yes to live entry frames, no to everything else, and a trap in a debug build. */
#include "../include/kernel.h"

static volatile int hits;
static volatile bool live_ok, copy_refused;
static struct pt_regs *volatile dead;
static struct synthetic_frame static_frame;

/* --- from an inner handler to the frame of the program that was interrupted first --- */

#define USER_PKRS	(PKRS_DEFAULT ^ 0x2000)

static volatile bool outer_known;
static volatile u32 outer_pks;

static bool outer_hook(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	u32 pks = 0;

	(void)error;
	if (user_mode(regs)) {
		asm volatile("int3" : : : "memory");
		return true;
	}
	outer_known = regs_saved_pks(task_pt_regs(current), &pks);
	outer_pks = pks;
	return vector == VEC_BP;
}

/* With the state in a C frame of some other function, there is no way: see baseline. */
static void test_outer(void)
{
	struct user_regs set;

	trap_hook = outer_hook;
	fill_regs(&set, 71);
	user_probe(&set, usnip_int3, USER_PKRS);
	trap_hook = NULL;
#if STATE_BY_REF
	ok(!outer_known, "an inner handler cannot know the outer frame's PKRS");
#else
	ok(outer_known && outer_pks == USER_PKRS, "an inner handler reads the outer frame's PKRS");
#endif
}

/* --- who has an extension --- */

#if !STATE_BY_REF
static bool hook(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	struct synthetic_frame copy;
	u32 pks;

	(void)error;
	if (vector == VEC_UD) {
		/* The accessor's own ud2: two bytes. */
		hits++;
		regs->ip += 2;
		return true;
	}
	dead = regs;
	live_ok = pt_regs_extension(regs) == extension_unchecked(regs) &&
		  regs_saved_pks(regs, &pks) && pks == (PKRS_DEFAULT ^ 0x100);
	/* Registers, extension, cookie and all, in another place. */
	copy = *container_of(regs, struct synthetic_frame, regs);
	copy_refused = !pt_regs_has_extension(&copy.regs);
	return vector == VEC_BP;
}

void test_extension(void)
{
	struct synthetic_frame fabricated;
	struct user_regs set;

	trap_hook = hook;
	hits = 0;
	fill_regs(&set, 70);
	wrmsr(MSR_PKRS, PKRS_DEFAULT ^ 0x100);
	probe(&set, snip_int3);
	wrmsr(MSR_PKRS, PKRS_DEFAULT);
	ok(live_ok, "a live entry frame has an extension");
	ok(copy_refused, "a copy of it has none");
	ok(dead && !pt_regs_has_extension(dead), "nor has a frame that was left");
	memset(&fabricated, 0, sizeof(fabricated));
	ok(!pt_regs_has_extension(&fabricated.regs), "nor has a zeroed object on a stack");
	memset(&fabricated, 0xff, sizeof(fabricated));
	ok(!pt_regs_has_extension(&fabricated.regs), "nor has one full of ones");
	extension_claim(&static_frame.regs, extension_unchecked(&static_frame.regs), false);
	ok(!pt_regs_has_extension(&static_frame.regs), "nor has one that is not on a stack");
	/* Address 0x40000000 is not mapped: the answer must come without reading there. */
	ok(!pt_regs_has_extension((struct pt_regs *)0x40000000), "nor has a wild pointer");
	ok(hits == 0, "asking does not trap");
	ok(!pt_regs_extension(&fabricated.regs), "the accessor refuses");
#ifdef DEBUG
	ok(hits == 1, "and traps, because this is a debug build");
#else
	ok(hits == 0, "without a trap, because this is not a debug build");
#endif
	trap_hook = NULL;
	test_outer();
}
#else
/* State by reference: there is nothing to reach, and the accessor must say so. */
void test_extension(void)
{
	u32 pks;

	(void)hits, (void)live_ok, (void)copy_refused, (void)dead;
	ok(!pt_regs_has_extension(&static_frame.regs) && !regs_saved_pks(&static_frame.regs, &pks),
	   "no pt_regs has an extension in this layout");
	test_outer();
}
#endif
