/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The macros that build and undo a frame. Everything in the entry path that depends on LAYOUT is
 * in this file, except the one extra word that append_tail needs in entry_SYSCALL_64.
 */
#include "../include/config.h"
#include "asm-offsets.h"

/* A register of the frame, once it is built. */
#define REGS(field)	(REGS_AT + PT_##field)(%rsp)

/*
 * On entry %rsp points at orig_ax, or at di with save_di=0. The order of the pushes is the order
 * of struct pt_regs read backwards; the register tests are what checks it.
 */
.macro PUSH_REGS rax=%rax save_di=1
	.if \save_di
	pushq	%rdi
	.endif
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	pushq	\rax
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
#if LAYOUT_IS(insert_middle)
	subq	$EXT_BYTES, %rsp
#endif
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
#if LAYOUT_IS(insert_head) || LAYOUT_IS(extended)
	subq	$EXT_BYTES, %rsp
#endif
.endm

/* Leaves %rsp at orig_ax. */
.macro POP_REGS
#if LAYOUT_IS(insert_head) || LAYOUT_IS(extended)
	addq	$EXT_BYTES, %rsp
#endif
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
#if LAYOUT_IS(insert_middle)
	addq	$EXT_BYTES, %rsp
#endif
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
.endm

#ifdef PKS_AT
/*
 * RDMSR clears the upper halves of rax and rdx, and PKRS has only 32 bits (SDM Vol. 4, table 2-2,
 * 6E1H): so edx is already the zero that WRMSR wants. Memory must be written before the MSR: an
 * exception in between saves the old value again, and nothing is lost.
 */
.macro STORE_PKRS
	movl	$MSR_PKRS, %ecx
	rdmsr
#if PKS_BYTES == 8
	movq	%rax, PKS_AT(%rsp)
#else
	movl	%eax, PKS_AT(%rsp)
#endif
	movl	$PKRS_DEFAULT, %eax
	wrmsr
.endm

/* The frame must still be allocated: whatever interrupts us here writes below %rsp. */
.macro LOAD_PKRS
	movl	$MSR_PKRS, %ecx
	movl	PKS_AT(%rsp), %eax
	xorl	%edx, %edx
	wrmsr
.endm
#endif

.macro SAVE_PKRS
#if PKRS_IN_FRAME
	STORE_PKRS
#endif
.endm

.macro RESTORE_PKRS
#if PKRS_IN_FRAME
	LOAD_PKRS
#endif
.endm

/*
 * rbp says "here is a pt_regs" by its low bit, which no aligned frame address has: an unwinder
 * that follows rbp needs to know nothing about what lies between this frame and the next.
 */
.macro ENCODE_FRAME_POINTER
	leaq	(REGS_AT + 1)(%rsp), %rbp
.endm

/*
 * Call a C entry function: rdi = pt_regs, rsi = error code or system call number. auxiliary makes
 * its room here and nowhere else, so an extension exists for as long as this call, and a call
 * without this macro has the return address where the extension would be.
 */
.macro CALL_C fn:req keep_result=0
	leaq	REGS_AT(%rsp), %rdi
#if LAYOUT_IS(auxiliary)
	subq	$EXT_BYTES, %rsp
	STORE_PKRS
#endif
	call	\fn
	.if \keep_result
	movl	%eax, %ebx
	.endif
#if LAYOUT_IS(auxiliary)
	LOAD_PKRS
	addq	$EXT_BYTES, %rsp
#endif
.endm

/* From "function pushed where di belongs" to a complete frame; rbx = that function. */
.macro BUILD_FRAME
	xchgq	%rdi, (%rsp)
	PUSH_REGS save_di=0
	movq	%rdi, %rbx
	cld
	SAVE_PKRS
	ENCODE_FRAME_POINTER
.endm
