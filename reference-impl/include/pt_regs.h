/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct pt_regs, what lies around it, and the only way to the extension.
 *
 * The extension has two halves: generic entry state (what irqentry_enter() must tell
 * irqentry_exit()) and architecture state (PKRS as it was when the exception struck).
 */
#ifndef PT_REGS_H
#define PT_REGS_H

#include "config.h"
#include "types.h"

struct pt_regs;

struct generic_entry_state {
	union {
		struct {
			u32 exit_rcu : 1;	/* this entry woke RCU: its exit puts it to sleep */
			u32 valid : 2;		/* 1 from irqentry_enter() to irqentry_exit() */
			u32 cookie : 29;	/* see entry/extension.c */
		};
		u32 tag;			/* all three, for one store */
	};
#if EXT_BYTES == 24
	u32 depth;		/* how many entry frames are live, this one included */
#endif
};

struct arch_extended_pt_regs {
#if EXT_BYTES == 24
	unsigned long pks;
	unsigned long cr2;	/* #PF only: safe here from a second #PF inside the handler */
#else
	u32 pks;		/* PKRS has 32 bits; what is left of the word goes to generic */
#endif
};

struct entry_ext {
	struct generic_entry_state generic;
	struct arch_extended_pt_regs arch;
};

/* In the order of the stack: the last push is the first member. */
struct pt_regs {
#if LAYOUT_IS(insert_head)
	struct entry_ext ext;
#endif
	unsigned long r15;
	unsigned long r14;
	unsigned long r13;
	unsigned long r12;
	unsigned long bp;
	unsigned long bx;
#if LAYOUT_IS(insert_middle)
	struct entry_ext ext;
#endif
	unsigned long r11;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long ax;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;	/* error code, system call number, or -1 */
	/* from here on the CPU pushes, SDM Vol. 3A, 6.14.2 */
	unsigned long ip;
	unsigned long cs;
	unsigned long flags;
	unsigned long sp;
	unsigned long ss;
#if LAYOUT_IS(append_tail)
	struct entry_ext ext;
#endif
};

struct iret_frame {
	unsigned long ip, cs, flags, sp, ss;
};

/* The proposal. regs comes last, so that nobody who holds a pt_regs pointer notices. */
struct extended_pt_regs {
	struct entry_ext ext;
	struct pt_regs regs;
};

/* fred_frame: what FRED hardware would leave above the registers. */
struct fred_info {
	unsigned long edata;
	unsigned long reserved;
};

/* What one entry frame is in memory before C runs: whoever copies a frame copies this. */
#if LAYOUT_IS(extended)
struct entry_frame {
	struct entry_ext ext;
	struct pt_regs regs;
};
#else
struct entry_frame {
	struct pt_regs regs;
};
#endif

/* What somebody who builds a frame by hand needs before it may be given to irqentry_enter(). */
#if EXT_BELOW
struct synthetic_frame {
	struct entry_ext ext;
	struct pt_regs regs;
};
#else
struct synthetic_frame {
	struct pt_regs regs;
};
#endif

/*
 * Bytes that lie between the stack pointer and pt_regs when a C entry function is called: the
 * return address comes right below them.
 */
#define CALL_GAP	(EXT_BELOW ? sizeof(struct entry_ext) : 0)

#define EXT_SHIFT(before)	((before) ? EXT_BYTES : 0)
#define LOW_AT(n)	((n) * 8 + EXT_SHIFT(LAYOUT_IS(insert_head)))
#define HIGH_AT(n)	((n) * 8 + EXT_SHIFT(LAYOUT_IS(insert_head) || LAYOUT_IS(insert_middle)))
#define ASSERT_AT(field, where) \
	_Static_assert(offsetof(struct pt_regs, field) == (where), "pt_regs." #field " moved")

ASSERT_AT(r15, LOW_AT(0));
ASSERT_AT(r14, LOW_AT(1));
ASSERT_AT(r13, LOW_AT(2));
ASSERT_AT(r12, LOW_AT(3));
ASSERT_AT(bp, LOW_AT(4));
ASSERT_AT(bx, LOW_AT(5));
ASSERT_AT(r11, HIGH_AT(6));
ASSERT_AT(r10, HIGH_AT(7));
ASSERT_AT(r9, HIGH_AT(8));
ASSERT_AT(r8, HIGH_AT(9));
ASSERT_AT(ax, HIGH_AT(10));
ASSERT_AT(cx, HIGH_AT(11));
ASSERT_AT(dx, HIGH_AT(12));
ASSERT_AT(si, HIGH_AT(13));
ASSERT_AT(di, HIGH_AT(14));
ASSERT_AT(orig_ax, HIGH_AT(15));
ASSERT_AT(ip, HIGH_AT(16));
ASSERT_AT(cs, HIGH_AT(17));
ASSERT_AT(flags, HIGH_AT(18));
ASSERT_AT(sp, HIGH_AT(19));
ASSERT_AT(ss, HIGH_AT(20));
_Static_assert(sizeof(struct pt_regs) == 168 + EXT_SHIFT(EXT_INSIDE), "pt_regs changed its size");
_Static_assert(sizeof(struct entry_ext) == EXT_BYTES, "the extension has a hole or grew");
_Static_assert(offsetof(struct extended_pt_regs, regs) == EXT_BYTES, "a gap below pt_regs");
_Static_assert(sizeof(struct extended_pt_regs) == EXT_BYTES + sizeof(struct pt_regs),
	       "pt_regs must be the last member");

static inline bool user_mode(const struct pt_regs *regs)
{
	return (regs->cs & 3) != 0;
}

/* Where the extension of @regs would be, if it has one. Only for the accessor and its tests. */
static inline struct entry_ext *extension_unchecked(struct pt_regs *regs)
{
#if EXT_BELOW
	return &container_of(regs, struct extended_pt_regs, regs)->ext;
#elif EXT_INSIDE
	return &regs->ext;
#else
	(void)regs;
	return NULL;
#endif
}

/* entry/extension.c */
bool pt_regs_has_extension(struct pt_regs *regs);
struct entry_ext *pt_regs_extension(struct pt_regs *regs);

#define BOOT_SECRET	0x5bd1e998u	/* a real kernel draws it at boot; bits 2:0 clear */

#define TAG_VALID	2u

/*
 * The cookie in its place, valid, exit_rcu clear. 29 bits of address are enough: pt_regs is
 * 8-aligned, and no stack spans 4 GiB.
 */
static inline u32 tag_for(const struct pt_regs *regs)
{
	return ((u32)(u64)regs ^ BOOT_SECRET) | TAG_VALID;
}

/* On the way into every exception: bit fields would cost twice the instructions. */
static inline void extension_claim(struct pt_regs *regs, struct entry_ext *ext, bool exit_rcu)
{
	ext->generic.tag = tag_for(regs) | exit_rcu;
}

static inline void extension_release(struct entry_ext *ext)
{
	ext->generic.tag = 0;
}

#endif
