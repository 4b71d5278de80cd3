/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes: load a whole register set, run one instruction that enters the kernel, store the set
 * that comes back. Once for ring 0, once for ring 3. And the instructions to run.
 */
#include "../entry/calling.h"

.macro PROBE in out snippet
	pushq	\in + USER_flags(%rip)
	popfq
	.irp	reg, r15, r14, r13, r12, r11, r10, r9, r8
	movq	\in + USER_\reg(%rip), %\reg
	.endr
	.irp	reg, bp, bx, ax, cx, dx, si, di
	movq	\in + USER_\reg(%rip), %r\reg
	.endr
	call	*\snippet(%rip)
	.irp	reg, r15, r14, r13, r12, r11, r10, r9, r8
	movq	%\reg, \out + USER_\reg(%rip)
	.endr
	.irp	reg, bp, bx, ax, cx, dx, si, di
	movq	%r\reg, \out + USER_\reg(%rip)
	.endr
	pushfq
	popq	\out + USER_flags(%rip)
	cld
.endm

.macro FUNC name
	.globl	\name
\name:
.endm

	.text
FUNC probe_asm
	.irp	reg, rbp, rbx, r12, r13, r14, r15
	pushq	%\reg
	.endr
	PROBE	k_in, k_out, k_snippet
	.irp	reg, r15, r14, r13, r12, rbx, rbp
	popq	%\reg
	.endr
	ret

/* Snippets that fault for good are left by way of snip_done: the hook moves ip there. */
FUNC snip_int3
	int3
FUNC snip_done
	ret
FUNC snip_ud2
	ud2
FUNC snip_np
	movw	absent_sel(%rip), %es
FUNC snip_gp
	movw	beyond_sel(%rip), %es
FUNC snip_ss
	movw	absent_sel(%rip), %ss
FUNC snip_touch
	testb	$0, key1_page
	ret
FUNC snip_write
	movb	$1, key1_page
	ret
FUNC snip_nmi
	int	$2
	ret
/* Vector 9 is reserved; tests/inject.c points it at asm_exc_debug. */
FUNC snip_int9
	int	$9
	ret
/* The APIC takes its time: spin until the handler of the NMI moves ip past the loop. */
FUNC snip_apic_nmi
	pushq	%rax
	movl	$0xfee00300, %eax
	movl	$0x4400, (%rax)
FUNC snip_spin
	jmp	snip_spin
FUNC snip_spin_done
	popq	%rax
	ret
FUNC snip_nop
	nop
	ret
/* A push that faults on a stack that is not there: the #PF cannot be delivered either. */
FUNC snip_df
	movq	%rsp, df_sp(%rip)
	movabsq	$0x40000000, %rsp
	pushq	$0
FUNC snip_df_resume
	ret
/* IRET to cs 0 faults; its stack is read-only, so that fault becomes #DF, at iret_insn. */
FUNC snip_df_iret
	movq	%rsp, df_sp(%rip)
	leaq	kernel_page_middle(%rip), %rsp
	jmp	iret_insn

/*
 * The same, but it ends as if an NMI had come in place of the #DB: the frame moves from one IST
 * stack to the other. The first IST frame always has the same address, so no register is needed.
 */
FUNC asm_inject_nmi
	pushq	$-1
	pushq	$exc_debug
	BUILD_FRAME
	CALL_C	*%rbx
	RESTORE_PKRS
	POP_REGS
	movq	nmi_ist(%rip), %rsp
	.irp	field, ss, sp, flags, cs, ip
	pushq	db_ist_frame + IRET_\field(%rip)
	.endr
	jmp	asm_exc_nmi

/* "Returns" to hijack_to, as a function does whose return address a kretprobe has replaced. */
FUNC snip_hijack
	popq	hijack_ret(%rip)
	movq	%rsp, hijack_sp(%rip)
	pushq	hijack_to(%rip)
	ret

/*
 * The #DB entry while breakpoints are inside the entry text. It must not share one instruction
 * with that text, or the first instruction of the handler would be the next #DB, for ever.
 */
FUNC asm_inject_debug
	pushq	$-1
	pushq	$exc_debug
	BUILD_FRAME
	CALL_C	*%rbx
	RESTORE_PKRS
	POP_REGS
	addq	$WORD_BYTES, %rsp
	iretq

/* tail_probe(words[4], shift): what an exception does to the words above its frame. */
FUNC tail_probe
	pushq	%rbp
	movq	%rsp, %rbp
	andq	$-32, %rsp
	subq	%rsi, %rsp
	.rept	4
	pushq	%rdi
	.endr
	int3
	.irp	n, 0, 1, 2, 3
	popq	%rax
	movq	%rax, \n * WORD_BYTES(%rdi)
	.endr
	movq	%rbp, %rsp
	popq	%rbp
	ret

	.section .user, "awx"
FUNC u_probe
	PROBE	u_in, u_out, u_snippet
	movl	$60, %eax
	syscall
	ud2

FUNC usnip_int3
	int3
FUNC usnip_done
	ret
FUNC usnip_ud2
	ud2
FUNC usnip_touch
	testb	$0, kernel_page
	ret
FUNC usnip_syscall
	syscall
	ret
FUNC usnip_nop
	nop
	ret
/* Ring 3 sends itself an NMI. */
FUNC usnip_nmi
	pushq	%rax
	movl	$0xfee00300, %eax
	movl	$0x4400, (%rax)
FUNC usnip_spin
	jmp	usnip_spin
FUNC usnip_spin_done
	popq	%rax
	ret

/*
 * A signal handler that knows the ABI and nothing else: rsp points at a struct user_regs. It
 * changes every general register, so that a word in the wrong place cannot go unnoticed.
 */
FUNC u_handler
	.irp	reg, r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di
	incq	USER_\reg(%rsp)
	.endr
	movl	$15, %eax
	syscall
	ud2

	.balign	16
	.globl	u_in, u_out, u_snippet, u_stack_top, u_child_stack_top
u_in:	.fill	21, 8, 0
u_out:	.fill	21, 8, 0
u_snippet:
	.quad	0
	.fill	512, 8, 0
	.balign	16
u_stack_top:
	.fill	512, 8, 0
u_child_stack_top:

	.data
absent_sel:
	.word	0x38		/* a descriptor with P = 0 */
beyond_sel:
	.word	0x100		/* outside the GDT */
	.bss
	.globl	key1_page, key2_page, kernel_page, df_sp, k_in, k_out, k_snippet
	.balign	4096
key1_page:
	.skip	4096
key2_page:
	.skip	4096
kernel_page:
	.skip	2048
kernel_page_middle:
	.skip	2048
k_in:	.skip	21 * 8
k_out:	.skip	21 * 8
k_snippet:
	.skip	8
df_sp:	.skip	8
	.globl	hijack_ret, hijack_sp, hijack_to
hijack_ret:
	.skip	8
hijack_sp:
	.skip	8
hijack_to:
	.skip	8

	.section .note.GNU-stack, "", @progbits
