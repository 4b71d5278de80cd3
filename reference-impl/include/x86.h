/* SPDX-License-Identifier: GPL-2.0-only */
/* The instructions that C has no words for. */
#ifndef X86_H
#define X86_H

#include "types.h"

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a" (lo), "=d" (hi) : "c" (msr) : "memory");
	return lo | (u64)hi << 32;
}

static inline void wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c" (msr), "a" ((u32)value), "d" ((u32)(value >> 32)) : "memory");
}

static inline void outb(u16 port, u8 value)
{
	asm volatile("outb %0, %1" : : "a" (value), "Nd" (port));
}

static inline u8 inb(u16 port)
{
	u8 value;

	asm volatile("inb %1, %0" : "=a" (value) : "Nd" (port));
	return value;
}

static inline u64 read_cr2(void)
{
	u64 value;

	asm volatile("movq %%cr2, %0" : "=r" (value) : : "memory");
	return value;
}

static inline u64 read_cr3(void)
{
	u64 value;

	asm volatile("movq %%cr3, %0" : "=r" (value) : : "memory");
	return value;
}

static inline void write_cr3(u64 value)
{
	asm volatile("movq %0, %%cr3" : : "r" (value) : "memory");
}

static inline u64 read_cr4(void)
{
	u64 value;

	asm volatile("movq %%cr4, %0" : "=r" (value));
	return value;
}

static inline void write_cr4(u64 value)
{
	asm volatile("movq %0, %%cr4" : : "r" (value) : "memory");
}

static inline u64 read_flags(void)
{
	u64 value;

	asm volatile("pushfq; popq %0" : "=r" (value) : : "memory");
	return value;
}

static inline void cpuid(u32 leaf, u32 sub, u32 out[4])
{
	asm volatile("cpuid" : "=a" (out[0]), "=b" (out[1]), "=c" (out[2]), "=d" (out[3])
		     : "a" (leaf), "c" (sub));
}

/* An address to stop at; DR7 says whether (SDM Vol. 3B, 17.2). */
static inline void write_dr(int n, u64 value)
{
	switch (n) {
	case 0:
		asm volatile("movq %0, %%dr0" : : "r" (value) : "memory");
		break;
	case 1:
		asm volatile("movq %0, %%dr1" : : "r" (value) : "memory");
		break;
	case 2:
		asm volatile("movq %0, %%dr2" : : "r" (value) : "memory");
		break;
	default:
		asm volatile("movq %0, %%dr3" : : "r" (value) : "memory");
	}
}

/* Execution breakpoints, a bit for each of DR0 to DR3; bit 10 is always set. */
static inline u64 dr7_execute(u32 which)
{
	return 0x400 | (which & 1) << 1 | (which & 2) << 2 | (which & 4) << 3 | (which & 8) << 4;
}

static inline void write_dr7(u64 value)
{
	asm volatile("movq %0, %%dr7" : : "r" (value) : "memory");
}

static inline u64 read_dr6(void)
{
	u64 value;

	asm volatile("movq %%dr6, %0" : "=r" (value));
	return value;
}

static inline void write_dr6(u64 value)
{
	asm volatile("movq %0, %%dr6" : : "r" (value) : "memory");
}

#endif
