/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line picks test suites: "only frames,pks" those two, "tail" all that run anyway and
 * that one. "fail-fast" ends at the first failure.
 */
#include "../include/kernel.h"

/* The part of Xen's struct hvm_start_info that we read. */
struct start_info {
	u32 magic, version, flags, nr_modules;
	u64 modules, cmdline;
};

/* Does @word stand somewhere in @text, between separators? */
static bool has_word(const char *text, const char *word)
{
	while (*text) {
		const char *w = word;

		while (*w && *w == *text)
			w++, text++;
		if (!*w && (!*text || *text == ',' || *text == ' '))
			return true;
		while (*text && *text != ',' && *text != ' ')
			text++;
		while (*text == ',' || *text == ' ')
			text++;
	}
	return false;
}

static const struct suite {
	const char *name;
	void (*run)(void);
	bool on_request;	/* not part of "all" */
} suites[] = {
	{ "frames", test_frames, false },
	{ "extension", test_extension, false },
	{ "pks", test_pks, false },
	{ "nesting", test_nesting, false },
	{ "user", test_user, false },
	{ "fork", test_fork, false },
	{ "nmi", test_nmi, false },
	{ "inject-ist", test_inject_ist, false },
	{ "inject-stack", test_inject_stack, false },
	{ "inject-nmi", test_inject_nmi, false },
	{ "tail", test_tail, true },
	{ "consumers", test_consumers, true },
	{ "measure", test_measure, true },
};

extern char user_pages_start[], user_pages_end[], stack_guard[];

void kernel_main(const struct start_info *info);
void kernel_main(const struct start_info *info)
{
	const char *cmdline = info->cmdline ? (const char *)info->cmdline : "";
	bool all = !has_word(cmdline, "only");

	fail_fast = has_word(cmdline, "fail-fast");

	current = &boot_thread;
	current_stack_top = entry_stack_top(current);
	setup_cpu();
	if (!setup_pks())
		tap_skip("this CPU has no supervisor protection keys (CPUID.7:ECX bit 31)");
	for (char *page = user_pages_start; page < user_pages_end; page += 4096)
		page_set(page, 0, PTE_U);
	page_set(stack_guard, PTE_P, 0);
	page_set(key1_page, 0, PTE_KEY(1));
	page_set(key2_page, 0, PTE_KEY(2));

	for (size_t i = 0; i < ARRAY_SIZE(suites); i++)
		if ((all && !suites[i].on_request) || has_word(cmdline, suites[i].name))
			suites[i].run();
	tap_end();
}
