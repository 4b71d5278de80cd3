/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TAP on the serial line, plan last. QEMU's isa-debug-exit turns value v into exit status
 * 2 * v + 1, so 0 is never ours: it is what a triple fault under -no-reboot looks like.
 */
#include "../include/kernel.h"

#define EXIT_PORT	0xf4
#define EXIT_PASS	0x10	/* status 33 */
#define EXIT_FAIL	0x11	/* status 35 */
#define EXIT_SKIP	0x12	/* status 37 */
#define EXIT_BAIL	0x7f	/* status 255 */

static long count, failed;
bool fail_fast;		/* mutants need one failure, not all of them */

static void __attribute__((noreturn)) leave(u8 value)
{
	for (;;)
		outb(EXIT_PORT, value);
}

bool ok(bool passed, const char *name)
{
	count++;
	if (!passed)
		failed++;
	print("%s %d - %s\n", passed ? "ok" : "not ok", count, name);
	if (failed && fail_fast)
		leave(EXIT_FAIL);
	return passed;
}

void tap_end(void)
{
	print("1..%d\n", count);
	leave(failed || !count ? EXIT_FAIL : EXIT_PASS);
}

void tap_skip(const char *why)
{
	print("1..0 # SKIP %s\n", why);
	leave(EXIT_SKIP);
}

void bail(const char *why)
{
	print("Bail out! %s\n", why);
	leave(EXIT_BAIL);
}
