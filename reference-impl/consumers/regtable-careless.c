/* SPDX-License-Identifier: GPL-2.0-only */
/* The same table with the numbers that were true when somebody typed them in. */
#include "../include/consumer.h"

static const struct {
	const char *name;
	int offset;
} table[] = {
	{ "r15", 0 }, { "r14", 8 }, { "r13", 16 }, { "r12", 24 }, { "bp", 32 }, { "bx", 40 },
	{ "r11", 48 }, { "r10", 56 }, { "r9", 64 }, { "r8", 72 }, { "ax", 80 }, { "cx", 88 },
	{ "dx", 96 }, { "si", 104 }, { "di", 112 }, { "orig_ax", 120 }, { "ip", 128 },
	{ "cs", 136 }, { "flags", 144 }, { "sp", 152 }, { "ss", 160 },
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
