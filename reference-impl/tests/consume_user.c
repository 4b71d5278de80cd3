/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Consumers that look at a stopped ring 3 program. A wrong one may write anywhere in the frame:
 * everything it could reach is put back before the program goes on.
 */
#include "consume.h"

#define USER_PKRS	(PKRS_DEFAULT ^ 0x3000)
#define FRAME_BYTES	256	/* room for what a consumer writes, with something to spare */

static const struct consumer *volatile now;
static struct outcome outcome;
static struct user_regs known;
static volatile bool resumed;

static void require(bool *what, bool condition)
{
	if (!condition)
		*what = false;
}

/* From the extension, if it lies below, to the end of the stack. */
static u8 *frame_start(struct pt_regs *regs)
{
	return (u8 *)regs - CALL_GAP;
}

static size_t frame_size(struct pt_regs *regs)
{
	return current->stack_top - (unsigned long)frame_start(regs);
}

static u8 snapshot[512];

static void take_snapshot(struct pt_regs *regs)
{
	if (frame_size(regs) > sizeof(snapshot))
		bail("snapshot too small");
	memcpy(snapshot, frame_start(regs), frame_size(regs));
}

/* Are the registers @set, and is everything else of the frame as it was? Puts all of it back. */
static bool check_and_restore(struct pt_regs *regs, const struct user_regs *set)
{
	struct user_regs is;
	size_t size = frame_size(regs);
	u8 *start = frame_start(regs);
	bool good;

	regs_by_name(&is, regs);
	good = !memcmp(&is, set, sizeof(is));
	for (size_t i = 0; i < size; i++) {
		u8 *byte = start + i;
		bool in_regs = byte >= (u8 *)regs && byte < (u8 *)(regs + 1);
#if EXT_INSIDE
		in_regs = in_regs && !(byte >= (u8 *)&regs->ext && byte < (u8 *)(&regs->ext + 1));
#endif
		if (!in_regs && *byte != snapshot[i])
			good = false;
	}
	memcpy(start, snapshot, size);
	return good;
}

static void set_by_name(struct pt_regs *regs, const struct user_regs *u)
{
	regs->r15 = u->r15;
	regs->r14 = u->r14;
	regs->r13 = u->r13;
	regs->r12 = u->r12;
	regs->bp = u->bp;
	regs->bx = u->bx;
	regs->r11 = u->r11;
	regs->r10 = u->r10;
	regs->r9 = u->r9;
	regs->r8 = u->r8;
	regs->ax = u->ax;
	regs->cx = u->cx;
	regs->dx = u->dx;
	regs->si = u->si;
	regs->di = u->di;
	regs->ip = u->ip;
	regs->sp = u->sp;
	regs->cs = u->cs;
	regs->ss = u->ss;
	regs->flags = u->flags;
}

static void check_ptrace(struct pt_regs *regs, const struct consumer *c)
{
	const unsigned long *word = (const unsigned long *)&known;
	const size_t gprs = offsetof(struct user_regs, orig_ax) / 8;

	for (size_t i = 0; i < USER_REGS_WORDS; i++)
		require(&outcome.delivered, c->peek(current, i * 8) == word[i]);
	for (size_t i = 0; i < gprs; i++) {
		struct user_regs expect = known;

		((unsigned long *)&expect)[i] = 0x5a5a0000 + i;
		take_snapshot(regs);
		require(&outcome.kernel, c->poke(current, i * 8, 0x5a5a0000 + i));
		require(&outcome.kernel, check_and_restore(regs, &expect));
	}
}

static void check_bpf(struct pt_regs *regs, const struct consumer *c)
{
	const unsigned long *word = (const unsigned long *)&known;
	struct bpf_insn all[2 * USER_REGS_WORDS + 1];
	unsigned long result, sum = 0;

	for (int i = 0; i < USER_REGS_WORDS; i++) {
		const struct bpf_insn load[] = {
			{ BPF_LOAD_CTX, 1, 0, (short)(i * 8), 0 },
			{ BPF_ADD_IMM, 1, 0, 0, -7 },
			{ BPF_MOV, 0, 1, 0, 0 },
			{ BPF_EXIT, 0, 0, 0, 0 },
		};

		require(&outcome.delivered,
			c->bpf_run(regs, load, &result) && result == word[i] - 7);
		all[2 * i] = (struct bpf_insn){ BPF_LOAD_CTX, 2, 0, (short)(i * 8), 0 };
		all[2 * i + 1] = (struct bpf_insn){ BPF_XOR, 0, 2, 0, 0 };
		sum ^= word[i];
	}
	all[2 * USER_REGS_WORDS] = (struct bpf_insn){ BPF_EXIT, 0, 0, 0, 0 };
	require(&outcome.delivered, c->bpf_run(regs, all, &result) && result == sum);
	/* One word above and one below: never part of the context. */
	for (int i = 0; i < 2; i++) {
		const struct bpf_insn outside[] = {
			{ BPF_LOAD_CTX, 0, 0, i ? -8 : (short)sizeof(struct user_regs), 0 },
			{ BPF_EXIT, 0, 0, 0, 0 },
		};

		require(&outcome.delivered, !c->bpf_run(regs, outside, &result));
	}
}

static void check_regtable(struct pt_regs *regs, const struct consumer *c)
{
	static const char *const names[USER_REGS_WORDS] = {
		"r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx",
		"si", "di", "orig_ax", "ip", "cs", "flags", "sp", "ss",
	};
	const unsigned long *word = (const unsigned long *)&known;

	for (size_t i = 0; i < USER_REGS_WORDS; i++) {
		int off = c->reg_offset(names[i]);

		require(&outcome.kernel, off >= 0 && (size_t)off < sizeof(*regs) &&
			*(unsigned long *)((u8 *)regs + off) == word[i]);
	}
	require(&outcome.kernel, c->reg_offset("pks") < 0);
}

static bool hook(ENTRY_PARAMS, enum vector vector, unsigned long error)
{
	const struct consumer *c = now;
	static u8 buf[FRAME_BYTES];
	size_t len;

	(void)error;
	if (vector != VEC_BP || !user_mode(regs) || !ENTRY_EXT(regs))
		return false;
	known_user_set(&known);
	memset(buf, 0xee, sizeof(buf));
	if (c->peek)
		check_ptrace(regs, c);
	if (c->bpf_run)
		check_bpf(regs, c);
	if (c->reg_offset)
		check_regtable(regs, c);
	if (c->core_note || c->sample) {
		len = c->core_note ? c->core_note(current, buf) : c->sample(regs, buf);
		require(&outcome.delivered,
			len == sizeof(known) && !memcmp(buf, &known, sizeof(known)));
	}
	if (c->setup_frame) {
		u8 *frame = (u8 *)((regs->sp - 128 - FRAME_BYTES) & ~15ul);

		memset(frame, 0xee, FRAME_BYTES);
		len = c->setup_frame(regs, frame);
		require(&outcome.delivered,
			len == sizeof(known) && !memcmp(frame, &known, sizeof(known)));
		regs->sp = (unsigned long)frame;
		regs->ip = (unsigned long)u_handler;
		regs->flags &= ~(1ul << 10);	/* a handler starts with DF clear */
	}
	return true;
}

/* Every general register one more, as u_handler did it; the rest as it was at the int3. */
static void after_handler(struct user_regs *set)
{
	unsigned long *word = (unsigned long *)set;

	known_user_set(set);
	for (size_t i = 0; i < offsetof(struct user_regs, orig_ax) / 8; i++)
		word[i]++;
}

static unsigned long sys_hook(ENTRY_PARAMS, unsigned long nr)
{
	struct user_regs expect, is;

	if (nr != SYS_sigreturn)
		return -(unsigned long)ENOSYS;
	after_handler(&expect);
	take_snapshot(regs);
	now->restore_frame(regs, (const void *)regs->sp);
	regs_by_name(&is, regs);
	/* Ring 3 asked for these registers, and may have changed nothing but these. */
	require(&outcome.delivered, !memcmp(&is, &expect, sizeof(is)));
	require(&outcome.kernel, check_and_restore(regs, &is));
	set_by_name(regs, &expect);
	resumed = true;
	(void)ENTRY_EXT(regs);
	return expect.ax;
}

static struct outcome run(const struct consumer *c, u64 seed, bool handler_runs)
{
	struct user_regs in, expect;

	now = c;
	outcome = (struct outcome){ true, true };
	resumed = false;
	trap_hook = hook;
	syscall_hook = sys_hook;
	fill_regs(&in, seed);
	user_probe(&in, usnip_int3, USER_PKRS);
	trap_hook = NULL;
	syscall_hook = NULL;
	expect = in;
	if (handler_runs)
		after_handler(&expect);
	/* Not the consumer's merit but ours: the program went on as it should. */
	if (!same_gprs(&u_out, &expect) || resumed != handler_runs)
		bail("the driver lost the program");
	return outcome;
}

struct outcome try_user_view(const struct consumer *c)
{
	return run(c, 100, false);
}

struct outcome try_signal(const struct consumer *c)
{
	return run(c, 101, true);
}
