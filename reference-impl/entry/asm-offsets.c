/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compiled to assembly, never linked: each line below leaves one "->NAME value" string in the
 * output, which the Makefile turns into #defines. No offset is typed by hand anywhere.
 */
#include "../include/pt_regs.h"
#include "../include/uapi.h"

#define DEFINE(sym, val)	asm volatile("\n.ascii \"->" #sym " %c0\"" : : "i" (val))
#define REG(field)		DEFINE(PT_##field, offsetof(struct pt_regs, field))
#define USER(field)		DEFINE(USER_##field, offsetof(struct user_regs, field))
#define IRET(field)		DEFINE(IRET_##field, offsetof(struct iret_frame, field))

void offsets(void);

void offsets(void)
{
	REG(r15);
	REG(r14);
	REG(r13);
	REG(r12);
	REG(bp);
	REG(bx);
	REG(r11);
	REG(r10);
	REG(r9);
	REG(r8);
	REG(ax);
	REG(cx);
	REG(dx);
	REG(si);
	REG(di);
	REG(orig_ax);
	REG(ip);
	REG(cs);
	REG(flags);
	REG(sp);
	REG(ss);
	DEFINE(PT_SIZE, sizeof(struct pt_regs));

	IRET(ip);
	IRET(cs);
	IRET(flags);
	IRET(sp);
	IRET(ss);

	/* For the probes in tests/ and user/, which load and store whole sets. */
	USER(r15);
	USER(r14);
	USER(r13);
	USER(r12);
	USER(bp);
	USER(bx);
	USER(r11);
	USER(r10);
	USER(r9);
	USER(r8);
	USER(ax);
	USER(cx);
	USER(dx);
	USER(si);
	USER(di);
	USER(flags);
	USER(sp);

	DEFINE(WORD_BYTES, sizeof(unsigned long));
	DEFINE(PKS_BYTES, sizeof(((struct entry_ext *)0)->arch.pks));

	/* From %rsp, once the frame is built: up to pt_regs, and up to the saved PKRS. */
	DEFINE(REGS_AT, offsetof(struct entry_frame, regs));
#if EXT_BELOW
	DEFINE(PKS_AT, offsetof(struct extended_pt_regs, ext.arch.pks));
#elif EXT_INSIDE
	DEFINE(PKS_AT, offsetof(struct pt_regs, ext.arch.pks));
#endif
}
