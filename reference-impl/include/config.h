/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The build axes, for C and assembly alike.
 *
 * LAYOUT says where the extra entry state lives, EXT_BYTES how large it is:
 *
 *   baseline       nowhere near pt_regs: a local of the C entry function, passed by reference
 *   extended       below pt_regs, pushed together with the registers; %rsp addresses it
 *   auxiliary      below pt_regs, but only reserved around the calls into C
 *   insert_head    a new first member of pt_regs
 *   insert_middle  a new member between bx and r11
 *   append_tail    a new last member, above ss: where the CPU pushes, nobody can make room
 *   fred_frame     pt_regs as it is; 16 bytes above it on the thread stack, state by reference
 */
#ifndef CONFIG_H
#define CONFIG_H

#define LAYOUT_baseline		1
#define LAYOUT_extended		2
#define LAYOUT_auxiliary	3
#define LAYOUT_insert_head	4
#define LAYOUT_insert_middle	5
#define LAYOUT_append_tail	6
#define LAYOUT_fred_frame	7

#if !defined(LAYOUT) || LAYOUT < LAYOUT_baseline || LAYOUT > LAYOUT_fred_frame
#error "LAYOUT must name one of the layouts above"
#endif
#if EXT_BYTES != 8 && EXT_BYTES != 24
#error "EXT_BYTES must be 8 or 24"
#endif

#define LAYOUT_IS(name)	(LAYOUT == LAYOUT_##name)

#define STATE_BY_REF	(LAYOUT_IS(baseline) || LAYOUT_IS(fred_frame))
#define EXT_BELOW	(LAYOUT_IS(extended) || LAYOUT_IS(auxiliary))
#define EXT_INSIDE	(LAYOUT_IS(insert_head) || LAYOUT_IS(insert_middle) || \
			 LAYOUT_IS(append_tail))
/* The entry stub saves PKRS while it builds the frame, not around the call into C. */
#define PKRS_IN_FRAME	(LAYOUT_IS(extended) || EXT_INSIDE)

/* Room between the highest word of pt_regs and the top of a thread stack. */
#if LAYOUT_IS(fred_frame)
#define STACK_PADDING	16
#else
#define STACK_PADDING	0
#endif

/*
 * The CPU's own stacks (TSS.RSP0, IST) start a little below their end, so that append_tail, which
 * writes above what the CPU pushed, harms nothing there: only frames on an interrupted kernel
 * stack remain, and those cannot be helped.
 */
#define CPU_STACK_GAP	32

#define THREAD_SIZE	8192
#define NMI_LEVEL_SIZE	4096	/* IST room for one level of NMI, see asm_exc_nmi */
#define NMI_LEVELS	4	/* more than that nested is a bug of ours */

/* SYSRET takes ss from STAR[63:48]+8 and cs from +16 (SDM Vol. 2B): the order is forced. */
#define KERNEL_CS	0x10
#define KERNEL_DS	0x18
#define USER_DS		0x2b
#define USER_CS		0x33
#define TSS_SEL		0x40

#define MSR_PKRS	0x6e1
/* Two bits per key: 1 = no access. Every key but 0, which all of the kernel's own memory has. */
#define PKRS_DEFAULT	0x55555554

#define ENOSYS		38

#endif
