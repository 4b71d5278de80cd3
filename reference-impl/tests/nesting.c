/* SPDX-License-Identifier: GPL-2.0-only */
/* Exceptions inside exceptions: each frame keeps its own PKRS, RCU state, depth and CR2. */
#include "../include/kernel.h"

#define LEVELS	4

static const enum vector chain[LEVELS] = { VEC_PF, VEC_BP, VEC_NMI, VEC_PF };
static snippet_t const snippets[LEVELS] = { snip_touch, snip_int3, snip_nmi, snip_touch };

static volatile int level;
static volatile int wrong;

static u32 pkrs_of(int n)
{
	return PKRS_DEFAULT ^ (u32)(n + 1) << 8;
}

static void descend(void)
{
	struct user_regs set, in;

	fill_regs(&set, (u64)level + 20);
	in = set;
	wrmsr(MSR_PKRS, pkrs_of(level));
	probe(&set, snippets[level]);
	if (rdmsr(MSR_PKRS) != pkrs_of(level))
		wrong++;
	if (!same_gprs(&set, &in))
		wrong++;
}

static bool hook(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	struct entry_ext *ext = ENTRY_EXT(regs);
	int here = level;

	(void)error;
	if (vector != chain[here] || rdmsr(MSR_PKRS) != PKRS_DEFAULT)
		wrong++;
	/* Only the outermost entry came from the idle loop; only its exit may stop RCU. */
	if (ext->generic.exit_rcu != (here == 0) || !rcu_watching)
		wrong++;
	if (vector == VEC_PF)
		regs->ip = (unsigned long)snip_done;
	if (here + 1 < LEVELS) {
		level = here + 1;
		descend();
		level = here;
	}
	if ((u32)ext->arch.pks != pkrs_of(here) || ext->generic.exit_rcu != (here == 0))
		wrong++;
#if EXT_BYTES == 24
	if (ext->generic.depth != (u32)here + 1)
		wrong++;
#if !STATE_BY_REF
	if (vector == VEC_PF && ext->arch.cr2 != (u64)key1_page)
		wrong++;
#endif
#endif
	return true;
}

void test_nesting(void)
{
	trap_hook = hook;
	wrong = 0;
	level = 0;
	rcu_watching = false;	/* as in the idle loop */
	descend();
	ok(wrong == 0, "#PF in NMI in #BP in #PF: every level has its own state");
	ok(!rcu_watching, "RCU sleeps again");
	rcu_watching = true;
	wrmsr(MSR_PKRS, PKRS_DEFAULT);
	trap_hook = NULL;
}
