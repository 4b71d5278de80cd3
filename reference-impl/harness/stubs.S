/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the CPU does on an exception, by hand, in ring 3: push a frame, jump to the stub. A frame
 * with a ring-3 cs makes the stub's IRETQ work natively; every other privileged instruction
 * faults, and cpu.c plays its part.
 */
#include "../entry/calling.h"

#define TF	0x100

.macro FUNC name
	.globl	\name
\name:
.endm

/* Single-step from here on, if the test asks for it. Keeps all other flags. */
.macro START_STEPPING
	pushfq
	pushq	%rax
	movq	h_step(%rip), %rax
	orq	%rax, WORD_BYTES(%rsp)
	popq	%rax
	popfq
.endm

.macro HARDWARE_FRAME ss cs
	pushq	$\ss
	pushq	h_sp(%rip)
	pushq	h_flags(%rip)
	pushq	$\cs
	pushq	$h_resume
	cmpq	$0, h_has_error(%rip)
	je	1f
	pushq	h_error(%rip)
1:	START_STEPPING
	jmp	*h_stub(%rip)
.endm

.macro REMEMBER
	movq	%rsp, h_sp(%rip)
	pushfq
	popq	h_flags(%rip)
.endm

	.text
/* In ring 0: on the interrupted stack, which the CPU aligns (SDM Vol. 3A, 6.14.2). */
FUNC h_kernel
	REMEMBER
	andq	$-16, %rsp
	HARDWARE_FRAME KERNEL_DS, KERNEL_CS

/* In ring 3: on the stack that the TSS names. */
FUNC h_user
	REMEMBER
	movq	h_entry_stack(%rip), %rsp
	HARDWARE_FRAME USER_DS, USER_CS

/* NMI in ring 0: on its IST stack. */
FUNC h_nmi
	REMEMBER
	movq	nmi_ist(%rip), %rsp
	HARDWARE_FRAME KERNEL_DS, KERNEL_CS

FUNC h_syscall
	REMEMBER
	movq	$h_resume, %rcx
	movq	h_flags(%rip), %r11
	START_STEPPING
	jmp	entry_SYSCALL_64

FUNC h_resume
	ret

/* probe(): the register set k_in goes in, k_snippet runs, k_out comes back. */
FUNC probe_asm
	.irp	reg, rbp, rbx, r12, r13, r14, r15
	pushq	%\reg
	.endr
	pushq	k_in + USER_flags(%rip)
	popfq
	.irp	reg, r15, r14, r13, r12, r11, r10, r9, r8
	movq	k_in + USER_\reg(%rip), %\reg
	.endr
	.irp	reg, bp, bx, ax, cx, dx, si, di
	movq	k_in + USER_\reg(%rip), %r\reg
	.endr
	call	*k_snippet(%rip)
	.irp	reg, r15, r14, r13, r12, r11, r10, r9, r8
	movq	%\reg, k_out + USER_\reg(%rip)
	.endr
	.irp	reg, bp, bx, ax, cx, dx, si, di
	movq	%r\reg, k_out + USER_\reg(%rip)
	.endr
	pushfq
	popq	k_out + USER_flags(%rip)
	cld
	.irp	reg, r15, r14, r13, r12, rbx, rbp
	popq	%\reg
	.endr
	ret

/* call_on_stack(fn, top) */
FUNC call_on_stack
	pushq	%rbp
	movq	%rsp, %rbp
	movq	%rsi, %rsp
	call	*%rdi
	movq	%rbp, %rsp
	popq	%rbp
	ret

	.bss
	.balign	16
	.globl	k_in, k_out, k_snippet, h_sp, h_flags, h_error, h_has_error, h_stub, h_step
	.globl	h_entry_stack, nmi_ist
k_in:	.skip	21 * 8
k_out:	.skip	21 * 8
k_snippet:
	.skip	8
h_sp:	.skip	8
h_flags:
	.skip	8
h_error:
	.skip	8
h_has_error:
	.skip	8
h_stub:	.skip	8
h_step:	.skip	8
h_entry_stack:
	.skip	8
nmi_ist:
	.skip	8

	.section .note.GNU-stack, "", @progbits
