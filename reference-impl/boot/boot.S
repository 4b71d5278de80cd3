/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From QEMU's PVH entry (32-bit, paging off, ebx = struct hvm_start_info) to C in long mode.
 * Page tables, GDT and TSS are plain data; C only changes single entries of pt_low.
 */
#include "../include/config.h"

#define PTE_P		0x01
#define PTE_RW		0x02
#define PTE_U		0x04
#define PTE_PCD		0x10
#define PTE_PS		0x80
#define TABLE		(PTE_P | PTE_RW | PTE_U)

#define CR0_PE		0x00000001
#define CR0_WP		0x00010000
#define CR0_PG		0x80000000
#define CR4_PAE		0x00000020
#define MSR_EFER	0xc0000080
#define EFER_SCE_LME	0x00000101

	/* XEN_ELFNOTE_PHYS32_ENTRY: where QEMU starts us. */
	.section .note.pvh, "a", @note
	.balign	4
	.long	4, 4, 18
	.asciz	"Xen"
	.long	pvh_start

	.section .boot, "ax"
	.code32
	.globl	pvh_start
pvh_start:
	cld
	lgdt	gdt_pointer
	movl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$pml4, %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	movl	$EFER_SCE_LME, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$(CR0_PE | CR0_WP | CR0_PG), %eax
	movl	%eax, %cr0
	ljmpl	$KERNEL_CS, $start64
	.code64
start64:
	movl	$KERNEL_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %fs
	movl	%eax, %gs
	movl	%eax, %ss
	movq	$boot_stack_top, %rsp
	movl	%ebx, %edi
	movl	$TSS_SEL, %eax
	ltr	%ax
	xorl	%ebp, %ebp
	call	kernel_main
1:	hlt
	jmp	1b

	.data
	.balign	8
gdt:
	.quad	0
	.quad	0
	.quad	0x00af9a000000ffff	/* KERNEL_CS */
	.quad	0x00cf92000000ffff	/* KERNEL_DS */
	.quad	0x00cffa000000ffff	/* 32-bit ring 3: only a place holder for SYSRET */
	.quad	0x00cff2000000ffff	/* USER_DS */
	.quad	0x00affa000000ffff	/* USER_CS */
	.quad	0x00cf12000000ffff	/* 0x38: a data segment that is not present, for #SS */
	/* The TSS lies below 16 MiB, so its address fits the first three bytes of the base. */
gdt_tss:
	.word	tss_end - tss - 1
	.word	tss_base_low
	.byte	tss_base_mid, 0x89, 0, 0
	.quad	0
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt

	.globl	tss, tss_rsp0, tss_ist_df, nmi_ist, tss_ist_db
	.balign	16
tss:
	.long	0
tss_rsp0:
	.quad	entry_stack_end - CPU_STACK_GAP
	.quad	0, 0, 0
tss_ist_df:
	.quad	df_stack_end - CPU_STACK_GAP
nmi_ist:
	.quad	nmi_stack_end - CPU_STACK_GAP
tss_ist_db:
	.quad	db_stack_end - CPU_STACK_GAP
	.globl	db_ist_frame
	.set	db_ist_frame, db_stack_end - CPU_STACK_GAP - 5 * 8
	.quad	0, 0, 0, 0
	.quad	0
	.word	0
	.word	tss_end - tss		/* no I/O permission map */
tss_end:

	/* Identity map of the first 32 MiB, four of them in 4 KiB pages, and of the APIC. */
	.balign	4096
pml4:
	.quad	pdpt + TABLE
	.fill	511, 8, 0
pdpt:
	.quad	pd_low + TABLE
	.quad	0, 0
	.quad	pd_high + TABLE
	.fill	508, 8, 0
pd_low:
	.quad	pt_low + TABLE
	.quad	pt_low + 4096 + TABLE
	.set	page, 2
	.rept	14
	.quad	(page << 21) + PTE_PS + PTE_RW + PTE_P
	.set	page, page + 1
	.endr
	.fill	496, 8, 0
pd_high:
	.fill	503, 8, 0
	/* Ring 3 may write it too: a test lets ring 3 send itself an NMI. */
	.quad	0xfee00000 + PTE_PS + PTE_PCD + PTE_U + PTE_RW + PTE_P
	.fill	8, 8, 0
	.globl	pt_low
pt_low:
	.set	page, 0
	.rept	1024
	.quad	(page << 12) + PTE_RW + PTE_P
	.set	page, page + 1
	.endr

	/* Everything that entry stubs build frames on, in one range: see on_entry_stack(). */
	.section .stacks, "aw", @nobits
	.globl	stacks_start, stacks_end, entry_stack_end, boot_stack_top
	.globl	user_stack_top, child_stack_top
	.globl	stack_guard
	.balign	4096
stack_guard:			/* taken away at boot: an endless exception ends in #DF */
	.skip	4096
stacks_start:
	.skip	2 * THREAD_SIZE
boot_stack_top:
	.skip	THREAD_SIZE
user_stack_top:
	.skip	THREAD_SIZE
child_stack_top:
	.skip	THREAD_SIZE
entry_stack_end:
	.skip	THREAD_SIZE
df_stack_end:
	.skip	THREAD_SIZE
db_stack_end:
	.skip	(NMI_LEVELS + 1) * NMI_LEVEL_SIZE
nmi_stack_end:
stacks_end:

	.section .note.GNU-stack, "", @progbits
