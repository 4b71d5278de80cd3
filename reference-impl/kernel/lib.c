/* SPDX-License-Identifier: GPL-2.0-only */
/* The few library functions that a compiler expects or a test cannot do without. */
#include <stdarg.h>
#include "../include/kernel.h"

#define COM1	0x3f8

void *memcpy(void *to, const void *from, size_t n)
{
	void *ret = to;

	asm volatile("rep movsb" : "+D" (to), "+S" (from), "+c" (n) : : "memory");
	return ret;
}

/* clang turns "copy through a temporary" (fixup_bad_iret) into this. */
void *memmove(void *to, const void *from, size_t n)
{
	u8 *d = to;
	const u8 *s = from;

	if (d <= s || d >= s + n)
		return memcpy(to, from, n);
	while (n--)
		((volatile u8 *)d)[n] = s[n];
	return to;
}

void *memset(void *to, int c, size_t n)
{
	void *ret = to;

	asm volatile("rep stosb" : "+D" (to), "+c" (n) : "a" (c) : "memory");
	return ret;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

bool streq(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return *a == *b;
}

static void print_char(char c)
{
	outb(COM1, (u8)c);
}

static void print_number(u64 value, u64 base)
{
	char digits[20];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		print_char(digits[--n]);
}

void print(const char *fmt, ...)
{
	va_list args;
	const char *s;
	long value;

	va_start(args, fmt);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			print_char(*fmt);
			continue;
		}
		switch (*++fmt) {
		case 's':
			for (s = va_arg(args, const char *); *s; s++)
				print_char(*s);
			break;
		case 'x':
			print_number(va_arg(args, unsigned long), 16);
			break;
		case 'd':
			value = va_arg(args, long);
			if (value < 0)
				print_char('-');
			print_number(value < 0 ? -(u64)value : (u64)value, 10);
			break;
		default:
			print_char(*fmt);
		}
	}
	va_end(args);
}
