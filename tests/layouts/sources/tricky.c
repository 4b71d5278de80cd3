/* SPDX-License-Identifier: GPL-2.0-only */
/* One struct for each way in which a layout can be hard to read. */
#include "pt_regs.h"

typedef unsigned long long u64;
typedef unsigned short u16;
struct nowhere;
typedef int (*handler_t)(struct pt_regs *, int);

struct fred_cs { u64 cs : 16, sl : 2, wfe : 1, : 45; };

/* The slots of newer kernels: a register and the same bytes under other names. */
struct slots {
	unsigned long ip;
	union {
		u16 cs;
		u64 csx;
		struct fred_cs fred_cs;
	};
	unsigned long flags;
	union {
		struct {
			u16 low;
			union { unsigned char b[6]; struct { u16 x, y, z; }; };
		};
		u64 whole;
	};
};

struct bits {
	unsigned int a : 3;
	unsigned int : 2;
	unsigned int b : 9;
	unsigned char c : 1;
	u64 d : 40;
	u64 e : 30;
	_Bool f : 1;
	short plain;
	int g : 31;
};

struct squeezed {
	char tag;
	u64 value;
	u16 half;
	struct fred_cs cs;
} __attribute__((packed));

struct squeezed_bits {
	unsigned char c;
	unsigned int a : 20;
	unsigned int b : 20;
	u16 end;
} __attribute__((packed));

struct stretched {
	char c;
	unsigned int wide __attribute__((aligned(32)));
	char last;
};

struct flexible {
	int count;
	struct { short x; } items[];
};

struct pointers {
	handler_t handler;
	int (*direct)(void *, struct nowhere *);
	char *(*name)(void);
	struct pt_regs *regs;
	const char *const fixed;
	const volatile int shown;
	void *const volatile odd;
	int (**twice)(void);
	long table[2][3];
	const int numbers[4];
	char comm[16];
	int *many[3];
	int (*row)[4];
	int (*calls[2])(int, ...);
#ifdef __SIZEOF_INT128__
	unsigned __int128 wide;
#endif
	enum { RED, BLUE } colour;
	struct { int inside; } named;
	int zero[0];
};

union choice { char c; u64 big; struct pt_regs regs; };

typedef struct { u16 first; u64 second; } unnamed_t;

struct holder {
	struct slots slots;
	struct bits bits;
	struct squeezed squeezed;
	struct squeezed_bits squeezed_bits;
	struct stretched stretched;
	struct flexible *flexible;
	struct pointers pointers;
	union choice choice;
	unnamed_t unnamed;
	bpf_user_pt_regs_t user;
};

struct flexible flexible_user;
int touch(struct holder *h, struct bits *b)
{
	return h->bits.a + b->b + flexible_user.count + h->pointers.colour;
}
