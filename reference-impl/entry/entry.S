/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every way into the kernel and out of it.
 *
 * An entry frame, extended layout (addresses grow upwards):
 *
 *	                  +---------------------------+
 *	                  | ss                        |   pushed by the CPU (SDM Vol. 3A, 6.14.2),
 *	                  | sp                        |   or by entry_SYSCALL_64
 *	                  | flags                     |
 *	                  | cs                        |
 *	                  | ip                        |
 *	                  +---------------------------+
 *	                  | orig_ax: error code or -1 |   the CPU, or the stub
 *	                  +---------------------------+
 *	                  | di si dx cx ax r8 .. r11  |   PUSH_REGS
 *	                  | bx bp r12 .. r15          |
 *	 struct pt_regs * +---------------------------+ <-- what C gets, what rbp encodes
 *	                  | arch:    PKRS             |   SAVE_PKRS
 *	                  | generic: cookie, exit_rcu |   irqentry_enter()
 *	 %rsp             +---------------------------+ <-- struct extended_pt_regs *
 *	                  | return address of the call|
 *
 * auxiliary: %rsp stays at pt_regs, and CALL_C allocates the two lowest boxes around the call.
 * insert_*, append_tail: they are a member of pt_regs. baseline, fred_frame: they are a local of
 * the C function that is called.
 *
 * An entry from ring 3 begins on the small stack that the TSS names. sync_regs() copies the frame
 * to the top of the thread's own stack: a thread that sleeps must not keep a stack that the next
 * entry will use.
 *
 * One CPU, interrupts always off, no swapgs. Faults of the entry text itself are tested by a #DB
 * before each instruction (tests/inject.c).
 */
#include "calling.h"

	.text
	.globl	entry_text_start, entry_text_end
entry_text_start:

/*
 * A stub has no free register and no free slot. So it pushes its C function where di belongs, and
 * BUILD_FRAME swaps the two.
 */
.macro idtentry asmsym cfunc has_error common=idtentry_common
	.globl	\asmsym
\asmsym:
	.if \has_error == 0
	pushq	$-1
	.endif
	pushq	$\cfunc
	jmp	\common
.endm

idtentry asm_exc_int3			exc_int3		0
idtentry asm_exc_invalid_op		exc_invalid_op		0
idtentry asm_exc_segment_not_present	exc_segment_not_present	1
idtentry asm_exc_stack_segment		exc_stack_segment	1
idtentry asm_exc_general_protection	exc_general_protection	1
idtentry asm_exc_page_fault		exc_page_fault		1
/* On an IST stack these two can strike anywhere, iret_insn included, and mean nothing by it. */
idtentry asm_exc_debug			exc_debug		0 idtentry_ist
idtentry asm_exc_double_fault		exc_double_fault	1 idtentry_ist

idtentry_common:
	BUILD_FRAME
	testb	$3, REGS(cs)
	jnz	from_user
	/* An IRET to ring 3 that faults does so in ring 0, at its own address. */
	cmpq	$iret_insn, REGS(ip)
	jne	call_handler
	leaq	REGS_AT(%rsp), %rdi
	call	fixup_bad_iret
	jmp	switch_stack

idtentry_ist:
	BUILD_FRAME
	testb	$3, REGS(cs)
	jz	call_handler

from_user:
	leaq	REGS_AT(%rsp), %rdi
	call	sync_regs
switch_stack:
	leaq	-REGS_AT(%rax), %rsp
	ENCODE_FRAME_POINTER

call_handler:
	/* The error code travels in a register; in the frame, -1 means "not a system call". */
	movq	REGS(orig_ax), %rsi
	movq	$-1, REGS(orig_ax)
	CALL_C	*%rbx

entry_return:
	RESTORE_PKRS
	POP_REGS
	addq	$WORD_BYTES, %rsp
	.globl	iret_insn
iret_insn:
	iretq

/*
 * NMI. The CPU blocks further NMIs until the next IRET (SDM Vol. 3A, 6.7.1), but that may be the
 * IRET of any exception inside the handler. The next NMI would then start at the same IST address
 * and overwrite this frame. So a level moves the IST pointer out of its own way:
 *
 *	nmi_ist ->  | frame of this level, stack of its handler |  NMI_LEVEL_SIZE bytes
 *	            | iret frame for the way out                | <- bottom of the level
 *	nmi_ist' -> | next level                                |
 *
 * On the way out the pointer must move back before the IRET that uses the frame. Therefore IRET
 * uses a copy at the bottom, where a new NMI at nmi_ist does not reach. What it does reach is its
 * own such copy, in the same place: hence a level that interrupted exactly nmi_iret_insn takes
 * over the waiting frame as its own (exc_nmi() does this) and the interrupted IRET never runs.
 *
 * Not covered: an exception before the IST pointer has moved. Linux has the same demand, that NMIs
 * stay blocked until the hardware's frame is dealt with (v6.1 arch/x86/entry/entry_64.S:1266), but
 * solves the rest differently: it remembers a nested NMI and runs the handler again.
 */
	.globl	asm_exc_nmi
asm_exc_nmi:
	testb	$3, IRET_cs(%rsp)
	jnz	nmi_from_user
	subq	$NMI_LEVEL_SIZE, nmi_ist(%rip)
	.globl	nmi_safe
nmi_safe:
	pushq	$-1
	pushq	$exc_nmi
	BUILD_FRAME
	CALL_C	*%rbx
	RESTORE_PKRS
	movq	nmi_ist(%rip), %rcx
	.irp	field, ip, cs, flags, sp, ss
	movq	REGS(\field), %rax
	movq	%rax, IRET_\field(%rcx)
	.endr
	POP_REGS
	movq	nmi_ist(%rip), %rsp
	addq	$NMI_LEVEL_SIZE, nmi_ist(%rip)
	.globl	nmi_iret_insn
nmi_iret_insn:
	iretq

	.globl	nmi_from_user
nmi_from_user:
	pushq	$-1
	pushq	$exc_nmi
	jmp	idtentry_ist

/*
 * SYSCALL saves only rip and rflags, to rcx and r11 (SDM Vol. 2B, SYSCALL): until the second
 * instruction is done, ring 0 runs on whatever rsp ring 3 had.
 */
	.globl	entry_SYSCALL_64, syscall_gap_end
entry_SYSCALL_64:
	movq	%rsp, user_sp_scratch(%rip)
	movq	current_stack_top(%rip), %rsp
syscall_gap_end:
#if LAYOUT_IS(append_tail)
	subq	$EXT_BYTES, %rsp
#endif
	pushq	$USER_DS
	pushq	user_sp_scratch(%rip)
	pushq	%r11
	pushq	$USER_CS
	pushq	%rcx
	pushq	%rax
	PUSH_REGS rax=$-ENOSYS
	movq	%rax, %rsi
	SAVE_PKRS
	ENCODE_FRAME_POINTER
	CALL_C	do_syscall_64 keep_result=1
	testb	%bl, %bl
	jz	entry_return
	/* SYSRET is allowed: cx == ip, r11 == flags, and ip is canonical. */
	RESTORE_PKRS
	POP_REGS
	.globl	sysret_gap_start, sysret_gap_end
	movq	(PT_sp - PT_orig_ax)(%rsp), %rsp
sysret_gap_start:
	sysretq
sysret_gap_end:

/*
 * A new thread's first instruction. copy_thread() left the registers at the top of the stack and
 * this address below them; nobody entered the kernel here, so the frame is only as good as what
 * copy_thread() and fork_return() put into it.
 */
	.globl	ret_from_fork
ret_from_fork:
	ENCODE_FRAME_POINTER
	CALL_C	fork_return
	jmp	entry_return
entry_text_end:

/* switch_to_asm(save_sp, load_sp): only what a C caller expects to survive. */
	.globl	switch_to_asm
switch_to_asm:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret

	.section .note.GNU-stack, "", @progbits
