/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a pt_regs pointer to its extension - or to nothing.
 *
 * Many pt_regs never went through an entry stub: trampolines, KVM and crash dumps make their own,
 * and what lies around them is somebody else's. A bare container_of() cannot tell. Two checks can:
 *
 *  1. The object and the place of its extension lie on a stack that entry stubs build frames on.
 *     After this the extension may at least be read.
 *  2. The extension carries a cookie made from the object's address and a secret of this boot.
 *     irqentry_enter() writes it, irqentry_exit() makes it invalid.
 *
 * A copy has the wrong address; an object that C code made on a stack has no cookie, because
 * frames wipe theirs when they die; a frame whose C entry function has not been called yet, or was
 * called without room for the extension, has none either. What remains: a frame that was abandoned
 * (its thread never returned through it) keeps a valid cookie until the stack is used again, and
 * random bytes match with a chance of 1 in 2^31.
 */
#include "../include/entry.h"

bool pt_regs_has_extension(struct pt_regs *regs)
{
	struct entry_ext *ext = extension_unchecked(regs);

	if (!ext)
		return false;
	if (!on_entry_stack(ext, sizeof(*ext)) || !on_entry_stack(regs, sizeof(*regs)))
		return false;
	return (ext->generic.tag & ~1u) == tag_for(regs);
}

/* The accessor. NULL if @regs has no extension; a debug build traps at once. */
struct entry_ext *pt_regs_extension(struct pt_regs *regs)
{
	if (pt_regs_has_extension(regs))
		return extension_unchecked(regs);
#ifdef DEBUG
	asm volatile("ud2");
#endif
	return NULL;
}

bool regs_saved_pks(struct pt_regs *regs, u32 *pks)
{
	if (!pt_regs_has_extension(regs))
		return false;
	*pks = (u32)extension_unchecked(regs)->arch.pks;
	return true;
}
