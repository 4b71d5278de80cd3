/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trampoline pushes the registers in the order that pt_regs once had and passes %rsp as a
 * struct pt_regs *; its C half looks for PKRS where an entry stub would have saved it.
 */
#include "../include/consumer.h"
#include "../include/x86.h"

static __attribute__((used)) void from_trampoline(struct pt_regs *regs, unsigned long *ret)
{
	struct entry_ext *ext = extension_unchecked(regs);

	*ret = kretprobe_report(regs, ext ? (u32)ext->arch.pks : (u32)rdmsr(MSR_PKRS));
}

asm(".pushsection .text\n"
    "kretprobe_trampoline:\n"
    "	pushq	$0\n"			/* return address, to be filled in */
    "	pushq	$0x18\n"		/* ss */
    "	pushq	%rsp\n"
    "	pushfq\n"
    "	pushq	$0x10\n"		/* cs */
    "	pushq	$0\n"			/* ip */
    "	pushq	$-1\n"			/* orig_ax */
    "	pushq	%rdi\n	pushq	%rsi\n	pushq	%rdx\n	pushq	%rcx\n	pushq	%rax\n"
    "	pushq	%r8\n	pushq	%r9\n	pushq	%r10\n	pushq	%r11\n"
    "	pushq	%rbx\n	pushq	%rbp\n"
    "	pushq	%r12\n	pushq	%r13\n	pushq	%r14\n	pushq	%r15\n"
    "	cld\n"
    "	movq	%rsp, %rdi\n"
    "	leaq	21*8(%rsp), %rsi\n"
    "	addq	$16, 19*8(%rsp)\n"	/* sp: as it was before ss and the return address */
    "	call	from_trampoline\n"
    "	popq	%r15\n	popq	%r14\n	popq	%r13\n	popq	%r12\n"
    "	popq	%rbp\n	popq	%rbx\n"
    "	popq	%r11\n	popq	%r10\n	popq	%r9\n	popq	%r8\n"
    "	popq	%rax\n	popq	%rcx\n	popq	%rdx\n	popq	%rsi\n	popq	%rdi\n"
    "	leaq	24(%rsp), %rsp\n"
    "	popfq\n"
    "	leaq	16(%rsp), %rsp\n"
    "	ret\n"
    ".popsection\n");
void kretprobe_trampoline(void);

CONSUMER("kretprobe", .trampoline = kretprobe_trampoline);
