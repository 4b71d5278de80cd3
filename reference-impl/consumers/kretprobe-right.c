/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A function returns here instead of to its caller. The trampoline pushes a struct of its own,
 * whose order is nobody else's business; C makes a pt_regs out of it, by name.
 */
#include "../include/consumer.h"
#include "../include/entry.h"
#include "../include/x86.h"

/* The first member is pushed last. */
struct saved {
	unsigned long r15, r14, r13, r12, r11, r10, r9, r8, bp, bx, di, si, dx, cx, ax, flags, ret;
};

static __attribute__((used)) void from_trampoline(struct saved *s)
{
	struct pt_regs regs = {
		.r15 = s->r15, .r14 = s->r14, .r13 = s->r13, .r12 = s->r12, .bp = s->bp,
		.bx = s->bx, .r11 = s->r11, .r10 = s->r10, .r9 = s->r9, .r8 = s->r8, .ax = s->ax,
		.cx = s->cx, .dx = s->dx, .si = s->si, .di = s->di, .orig_ax = -1ul,
		.cs = KERNEL_CS, .flags = s->flags, .sp = (unsigned long)(s + 1), .ss = KERNEL_DS,
	};
	u32 pks;

	/* Nobody entered the kernel here, so nobody saved PKRS: the live value is the answer. */
	if (!regs_saved_pks(&regs, &pks))
		pks = (u32)rdmsr(MSR_PKRS);
	s->ret = kretprobe_report(&regs, pks);
}

asm(".pushsection .text\n"
    "kretprobe_trampoline:\n"
    "	pushq	$0\n"
    "	pushfq\n"
    "	pushq	%rax\n	pushq	%rcx\n	pushq	%rdx\n	pushq	%rsi\n	pushq	%rdi\n"
    "	pushq	%rbx\n	pushq	%rbp\n"
    "	pushq	%r8\n	pushq	%r9\n	pushq	%r10\n	pushq	%r11\n"
    "	pushq	%r12\n	pushq	%r13\n	pushq	%r14\n	pushq	%r15\n"
    "	cld\n"
    "	movq	%rsp, %rdi\n"
    "	call	from_trampoline\n"
    "	popq	%r15\n	popq	%r14\n	popq	%r13\n	popq	%r12\n"
    "	popq	%r11\n	popq	%r10\n	popq	%r9\n	popq	%r8\n"
    "	popq	%rbp\n	popq	%rbx\n"
    "	popq	%rdi\n	popq	%rsi\n	popq	%rdx\n	popq	%rcx\n	popq	%rax\n"
    "	popfq\n"
    "	ret\n"
    ".popsection\n");
void kretprobe_trampoline(void);

CONSUMER("kretprobe", .trampoline = kretprobe_trampoline);
