/* SPDX-License-Identifier: GPL-2.0-only */
/* Supervisor protection keys: enforced, saved on entry, restored on exit, editable in between. */
#include "../include/kernel.h"

static volatile struct {
	int hits;
	unsigned long error, cr2;
	u32 live, saved;
	u32 grant;		/* bits to clear in the saved PKRS */
} got;

static bool hook(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	struct entry_ext *ext = ENTRY_EXT(regs);

	if (vector != VEC_PF || got.hits++)
		return false;
	got.error = error;
	got.cr2 = read_cr2();
	got.live = (u32)rdmsr(MSR_PKRS);
	got.saved = (u32)ext->arch.pks;
	if (got.grant)
		ext->arch.pks &= ~got.grant;
	else
		regs->ip = (unsigned long)snip_done;
	return true;
}

static void touch(snippet_t snippet, u32 pkrs, u32 grant)
{
	struct user_regs set;

	got.hits = 0;
	got.error = 0;
	got.grant = grant;
	fill_regs(&set, 7);
	wrmsr(MSR_PKRS, pkrs);
	probe(&set, snippet);
}

void test_pks(void)
{
	u32 open = PKRS_DEFAULT & ~KEY_AD(1);

	trap_hook = hook;
	touch(snip_touch, PKRS_DEFAULT, 0);
	ok(got.hits == 1 && got.error == 0x21 && got.cr2 == (u64)key1_page,
	   "access disabled: read faults, error code says protection key");
	touch(snip_write, PKRS_DEFAULT, 0);
	ok(got.hits == 1 && got.error == 0x23, "access disabled: write faults");
	touch(snip_touch, open | KEY_WD(1), 0);
	ok(got.hits == 0, "write disabled: read succeeds");
	touch(snip_write, open | KEY_WD(1), 0);
	ok(got.hits == 1 && got.error == 0x23, "write disabled: write faults");
	ok(got.saved == (open | KEY_WD(1)), "the extension holds the interrupted PKRS");
	ok(got.live == PKRS_DEFAULT, "the handler runs with the default PKRS");
	ok(rdmsr(MSR_PKRS) == (open | KEY_WD(1)), "the interrupted PKRS is back");
	touch(snip_write, open, 0);
	ok(got.hits == 0, "open key: no fault");

	key1_page[0] = 0;
	touch(snip_write, PKRS_DEFAULT, KEY_AD(1));
	ok(got.hits == 1 && key1_page[0] == 1,
	   "a handler grants the key in the extension: retried");
	ok(rdmsr(MSR_PKRS) == open, "the granted PKRS is live after the return");
	wrmsr(MSR_PKRS, PKRS_DEFAULT & ~KEY_AD(2));
	ok(key2_page[1] == 0, "the other key is its own");
	wrmsr(MSR_PKRS, PKRS_DEFAULT);
	trap_hook = NULL;
}
