/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs every consumer that was linked in and says for each what came of it. tools/matrix.py turns
 * the "cell" lines into verdicts; a right and rebuilt consumer must work, so that is a test here:
 * all views of the registers of one stopped program are compared with the set that it loaded.
 */
#include "consume.h"

extern const struct consumer consumers_start[], consumers_end[];

static struct outcome try(const struct consumer *c)
{
	if (c->setup_frame)
		return try_signal(c);
	if (c->unwind)
		return try_unwind(c);
	if (c->trampoline)
		return try_kretprobe(c);
	if (c->inject)
		return try_kvm(c);
	return try_user_view(c);
}

void known_user_set(struct user_regs *known)
{
	*known = u_in;
	known->orig_ax = -1ul;
	known->ip = (unsigned long)usnip_int3 + 1;
	known->cs = USER_CS;
	known->sp = (unsigned long)u_stack_top - 8;
	known->ss = USER_DS;
}

void test_consumers(void)
{
	int n = 0;

	for (const struct consumer *c = consumers_start; c < consumers_end; c++, n++) {
		struct outcome o = try(c);
		const char *word = !o.kernel ? "wrong" : o.delivered ? "right" : "abi";

		print("# cell %s %s %s %s\n", c->name, c->version, c->flavour, word);
		if (streq(c->version, "right") && streq(c->flavour, "rebuilt"))
			ok(o.kernel && o.delivered, c->name);
	}
	ok(n >= 18, "consumers are linked in");
	wrmsr(MSR_PKRS, PKRS_DEFAULT);
}
