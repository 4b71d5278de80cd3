/* SPDX-License-Identifier: GPL-2.0-only */
/* IDT, system call MSRs, single page table entries, PKS, local APIC. */
#include "../include/kernel.h"

#define MSR_STAR	0xc0000081
#define MSR_LSTAR	0xc0000082
#define MSR_FMASK	0xc0000084
#define CR4_PKS		(1ul << 24)

#define APIC_SVR	((volatile u32 *)0xfee000f0)
#define APIC_ICR_LOW	((volatile u32 *)0xfee00300)
#define APIC_ICR_HIGH	((volatile u32 *)0xfee00310)
#define APIC_ENABLE	0x1ff
#define APIC_SEND_NMI	0x4400	/* level assert, delivery mode NMI; the target is in ICR_HIGH */

/* SDM Vol. 3A, figure 6-8 */
struct gate {
	u16 offset_low;
	u16 selector;
	u8 ist;
	u8 type;
	u16 offset_mid;
	u32 offset_high;
	u32 reserved;
};

static struct gate idt[32];
extern u64 pt_low[];

void set_gate(int vector, void (*stub)(void), int ist, int dpl)
{
	u64 addr = (u64)stub;

	idt[vector] = (struct gate){
		.offset_low = (u16)addr,
		.offset_mid = (u16)(addr >> 16),
		.offset_high = (u32)(addr >> 32),
		.selector = KERNEL_CS,
		.ist = (u8)ist,
		.type = (u8)(0x8e | dpl << 5),
	};
}

void setup_cpu(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (u64)idt };

	set_gate(VEC_DB, asm_exc_debug, IST_DB, 0);
	set_gate(VEC_NMI, asm_exc_nmi, IST_NMI, 0);
	set_gate(VEC_BP, asm_exc_int3, IST_NONE, 3);
	set_gate(VEC_UD, asm_exc_invalid_op, IST_NONE, 0);
	set_gate(VEC_DF, asm_exc_double_fault, IST_DF, 0);
	set_gate(VEC_NP, asm_exc_segment_not_present, IST_NONE, 0);
	set_gate(VEC_SS, asm_exc_stack_segment, IST_NONE, 0);
	set_gate(VEC_GP, asm_exc_general_protection, IST_NONE, 0);
	set_gate(VEC_PF, asm_exc_page_fault, IST_NONE, 0);
	asm volatile("lidt %0" : : "m" (idtr));

	wrmsr(MSR_STAR, (u64)KERNEL_CS << 32 | (u64)(USER_DS - 8) << 48);
	wrmsr(MSR_LSTAR, (u64)entry_SYSCALL_64);
	wrmsr(MSR_FMASK, 0x47700);	/* AC, NT, IOPL, DF, IF, TF */
	*APIC_SVR = APIC_ENABLE;
}

bool setup_pks(void)
{
	u32 regs[4];

	cpuid(0, 0, regs);
	if (regs[0] < 7)
		return false;
	cpuid(7, 0, regs);
	if (!(regs[2] & 1u << 31))
		return false;
	write_cr4(read_cr4() | CR4_PKS);
	wrmsr(MSR_PKRS, PKRS_DEFAULT);
	return true;
}

void page_set(void *page, u64 clear, u64 set)
{
	u64 *pte = &pt_low[(u64)page >> 12];

	*pte = (*pte & ~clear) | set;
	write_cr3(read_cr3());
}

/* To ourselves. The self shorthand is for fixed interrupts only (SDM Vol. 3A, 10.6.1). */
void send_nmi(void)
{
	*APIC_ICR_HIGH = 0;
	*APIC_ICR_LOW = APIC_SEND_NMI;
}
