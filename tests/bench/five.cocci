// SPDX-License-Identifier: GPL-2.0-only
// What a semantic patch can say of the dependences on a struct: as many rules as fit on a page.

@access@
struct pt_regs *regs;
identifier member;
@@
* regs->member

@conversion disable drop_cast@
struct pt_regs *regs;
type T;
@@
* (T)regs

@whole@
struct pt_regs *regs;
@@
(
* sizeof(struct pt_regs)
|
* sizeof(*regs)
)

@arithmetic@
struct pt_regs *regs;
expression e;
@@
* regs + e

@past@
struct pt_regs *regs;
identifier member;
expression e;
@@
* &regs->member + e
