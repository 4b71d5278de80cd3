/* SPDX-License-Identifier: GPL-2.0-only */
/* The generated header against the compiler's view of the struct: every number, or no build. */
#include "../include/pt_regs.h"
#include "../include/uapi.h"
#include "asm-offsets.h"

#define CHECK(name, value)	_Static_assert(name == (value), "asm-offsets.h: " #name)
#define REG(field)		CHECK(PT_##field, offsetof(struct pt_regs, field))

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
CHECK(PT_SIZE, sizeof(struct pt_regs));
CHECK(IRET_ip, offsetof(struct iret_frame, ip));
CHECK(IRET_cs, offsetof(struct iret_frame, cs));
CHECK(IRET_flags, offsetof(struct iret_frame, flags));
CHECK(IRET_sp, offsetof(struct iret_frame, sp));
CHECK(IRET_ss, offsetof(struct iret_frame, ss));
#define USER(field)		CHECK(USER_##field, offsetof(struct user_regs, field))
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
CHECK(WORD_BYTES, sizeof(unsigned long));
CHECK(PKS_BYTES, sizeof(((struct entry_ext *)0)->arch.pks));
CHECK(REGS_AT, LAYOUT_IS(extended) ? EXT_BYTES : 0);
#if EXT_BELOW
CHECK(PKS_AT, offsetof(struct entry_ext, arch.pks));
#elif EXT_INSIDE
CHECK(PKS_AT, offsetof(struct pt_regs, ext) + offsetof(struct entry_ext, arch.pks));
#endif

/* The copy of a hardware frame as five words in C relies on this. */
CHECK(IRET_ss - IRET_ip, offsetof(struct pt_regs, ss) - offsetof(struct pt_regs, ip));
