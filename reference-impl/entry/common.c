/* SPDX-License-Identifier: GPL-2.0-only */
/* The C half of the entry path: what every way in and out of the kernel has in common. */
#include "../include/entry.h"
#include "../include/x86.h"

struct thread *current;
bool rcu_watching = true;
unsigned long user_sp_scratch;
unsigned long current_stack_top;

#if EXT_BYTES == 24
static u32 entry_depth;
#endif

#if STATE_BY_REF
#define EXT_OF(regs)	state
#else
#define EXT_OF(regs)	extension_unchecked(regs)
#endif

/*
 * First call of every C entry function. RCU does not watch ring 3 and the idle loop; what must be
 * undone on the way out goes to the extension, because only this frame knows it: the same code
 * may be entered again before it returns.
 */
void irqentry_enter(ENTRY_PARAMS)
{
	struct entry_ext *ext = EXT_OF(regs);

#if STATE_BY_REF
	ext->generic.exit_rcu = !rcu_watching;
	ext->arch.pks = (u32)rdmsr(MSR_PKRS);
	wrmsr(MSR_PKRS, PKRS_DEFAULT);
#else
	extension_claim(regs, ext, !rcu_watching);
#endif
	rcu_watching = true;
#if EXT_BYTES == 24
	ext->generic.depth = ++entry_depth;
#endif
#if LAYOUT_IS(fred_frame)
	if (user_mode(regs))
		*fred_info(current) = (struct fred_info){ 0 };
#endif
}

/* Last call of every C entry function. PKRS itself is loaded by the stub, as late as possible. */
void irqentry_exit(ENTRY_PARAMS)
{
	struct entry_ext *ext = EXT_OF(regs);

#if EXT_BYTES == 24
	entry_depth--;
#endif
	if (ext->generic.exit_rcu)
		rcu_watching = false;
#if !STATE_BY_REF
	extension_release(ext);
#endif
#if STATE_BY_REF
	wrmsr(MSR_PKRS, (u32)ext->arch.pks);
#endif
}

/*
 * From the stack that the CPU chose to the thread's own. The frame has been filled as far as the
 * stub fills it; with the extended layout that includes the saved PKRS, so a copy of pt_regs alone
 * would lose it.
 */
struct pt_regs *sync_regs(struct pt_regs *eregs)
{
	struct pt_regs *regs = task_pt_regs(current);
	struct entry_frame *to = container_of(regs, struct entry_frame, regs);

	*to = *container_of(eregs, struct entry_frame, regs);
	return regs;
}

/*
 * IRET to ring 3 faulted in ring 0 (SDM Vol. 2A, IRET). Its operand, five words at regs->sp, says
 * what ring 3 should have been: pretend that the fault happened there. Source and destination
 * overlap, hence the detour.
 */
struct pt_regs *fixup_bad_iret(struct pt_regs *bad_regs)
{
	struct entry_frame tmp = *container_of(bad_regs, struct entry_frame, regs);
	const struct iret_frame *target = (const struct iret_frame *)bad_regs->sp;
	struct pt_regs *regs = task_pt_regs(current);

	tmp.regs.ip = target->ip;
	tmp.regs.cs = target->cs;
	tmp.regs.flags = target->flags;
	tmp.regs.sp = target->sp;
	tmp.regs.ss = target->ss;
	*container_of(regs, struct entry_frame, regs) = tmp;
	return regs;
}

#define DEFINE_IDTENTRY(func, vector)						\
void func(struct pt_regs *regs, unsigned long error);				\
void func(struct pt_regs *regs, unsigned long error)				\
{										\
	ENTRY_STATE;								\
										\
	irqentry_enter(ENTRY_ARGS(regs));					\
	handle_exception(ENTRY_ARGS(regs), vector, error);			\
	irqentry_exit(ENTRY_ARGS(regs));					\
}

DEFINE_IDTENTRY(exc_debug, VEC_DB)
DEFINE_IDTENTRY(exc_int3, VEC_BP)
DEFINE_IDTENTRY(exc_invalid_op, VEC_UD)
DEFINE_IDTENTRY(exc_double_fault, VEC_DF)
DEFINE_IDTENTRY(exc_segment_not_present, VEC_NP)
DEFINE_IDTENTRY(exc_stack_segment, VEC_SS)
DEFINE_IDTENTRY(exc_general_protection, VEC_GP)

void exc_page_fault(struct pt_regs *regs, unsigned long error);
void exc_page_fault(struct pt_regs *regs, unsigned long error)
{
	unsigned long cr2 = read_cr2();	/* before anything below can fault */
	ENTRY_STATE;

	irqentry_enter(ENTRY_ARGS(regs));
#if EXT_BYTES == 24 && !STATE_BY_REF
	pt_regs_extension(regs)->arch.cr2 = cr2;
#elif LAYOUT_IS(fred_frame)
	if (user_mode(regs))
		fred_info(current)->edata = cr2;
#endif
	(void)cr2;
	handle_exception(ENTRY_ARGS(regs), VEC_PF, error);
	irqentry_exit(ENTRY_ARGS(regs));
}

void exc_nmi(struct pt_regs *regs, unsigned long unused);
void exc_nmi(struct pt_regs *regs, unsigned long unused)
{
	ENTRY_STATE;

	(void)unused;
	/* See asm_exc_nmi: the frame that waits at regs->sp is about to be overwritten by ours. */
	if (!user_mode(regs) && regs->ip == (unsigned long)nmi_iret_insn) {
		const struct iret_frame *waiting = (const struct iret_frame *)regs->sp;

		regs->ip = waiting->ip;
		regs->cs = waiting->cs;
		regs->flags = waiting->flags;
		regs->sp = waiting->sp;
		regs->ss = waiting->ss;
	}
	irqentry_enter(ENTRY_ARGS(regs));
	handle_exception(ENTRY_ARGS(regs), VEC_NMI, 0);
	irqentry_exit(ENTRY_ARGS(regs));
}

/*
 * SYSRET loads rip from rcx and rflags from r11, and with a non-canonical rip some CPUs fault in
 * ring 0 on the user's stack (CVE-2012-0217). Whoever changed the registers gets IRET.
 */
static bool sysret_is_safe(const struct pt_regs *regs)
{
	return regs->cx == regs->ip && regs->r11 == regs->flags && regs->ip < 1ul << 47 &&
	       regs->cs == USER_CS && regs->ss == USER_DS;
}

bool do_syscall_64(struct pt_regs *regs, unsigned long nr);
bool do_syscall_64(struct pt_regs *regs, unsigned long nr)
{
	ENTRY_STATE;

	irqentry_enter(ENTRY_ARGS(regs));
	regs->ax = handle_syscall(ENTRY_ARGS(regs), nr);
	irqentry_exit(ENTRY_ARGS(regs));
	return sysret_is_safe(regs);
}
