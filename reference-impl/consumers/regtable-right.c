/* SPDX-License-Identifier: GPL-2.0-only */
/* Register offset by name, as kprobe event parsers need it. */
#include "../include/consumer.h"

#define REG(field)	{ #field, offsetof(struct pt_regs, field) }

static const struct {
	const char *name;
	int offset;
} table[] = {
	REG(r15), REG(r14), REG(r13), REG(r12), REG(bp), REG(bx), REG(r11), REG(r10), REG(r9),
	REG(r8), REG(ax), REG(cx), REG(dx), REG(si), REG(di), REG(orig_ax), REG(ip), REG(cs),
	REG(flags), REG(sp), REG(ss),
};

static bool same(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return *a == *b;
}

static int reg_offset(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (same(table[i].name, name))
			return table[i].offset;
	return -1;
}

CONSUMER("regtable", .reg_offset = reg_offset);
