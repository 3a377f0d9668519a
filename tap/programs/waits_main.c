/*-------------------------------------------------------------------------
 *
 * waits_main.c
 *	  The program around waits_sample.c, in the place of the server.
 *
 * What happens between two traps counts, of which the first one tells where
 * the word is.  As in the server, the pointer is set to another word than the
 * process's own at first, and reset in the end.
 *
 *-------------------------------------------------------------------------
 */
#include "waits_sample.h"

static int	before = 3;
static uint32_t local;
uint32_t   *my_wait_event_info = &local;
static int	behind = 4;

static uint32_t shared[4];

#ifdef __x86_64__
#define TRAP(address) __asm__ volatile("int3" :: "a" (address) : "memory")
#else
/* An emulator's log tells all; x9 is what says where the word is. */
#define TRAP(address) \
	do { \
		register void *x9 __asm__("x9") = (address); \
		__asm__ volatile("hint #40" :: "r" (x9) : "x16", "memory"); \
	} while (0)
#endif

__asm__(".pushsection .text\n"
		".globl opaque\n.type opaque, %function\n"
		".globl opaque_sum\n.type opaque_sum, %function\n"
		".balign 4\n"
		"opaque:\nopaque_sum:\n"
		".rept 48\nnop\n.endr\n"
#ifdef __x86_64__
		"lea (%rdi,%rsi), %eax\n"
		"add %edx, %eax\n"
		"mov %eax, %ecx\nmov %eax, %edx\nmov %eax, %esi\nmov %eax, %edi\n"
		"mov %eax, %r8d\nmov %eax, %r9d\nmov %eax, %r10d\nmov %eax, %r11d\n"
#else
		"add w0, w0, w1\n"
		"add w0, w0, w2\n"
		".irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17\n"
		"mov x\\n, x0\n"
		".endr\n"
#endif
		"ret\n"
		".size opaque, . - opaque\n"
		".size opaque_sum, . - opaque_sum\n"
		".popsection");

/*
 * What compilers may do when a file defines the variable, but don't always:
 * reach it by the address of another one, and load it along with that.
 */
#ifdef __aarch64__
extern void by_neighbor(void);

__asm__(".pushsection .text\n"
		".type by_neighbor, %function\n"
		"by_neighbor:\n"
		"stp x29, x30, [sp, #-32]!\n"
		"str x19, [sp, #16]\n"
		"adrp x19, my_wait_event_info - 8\n"
		"add x19, x19, :lo12:my_wait_event_info - 8\n"
		"ldr x1, [x19, #8]\n"
		"mov w2, #0x201\n"
		"str w2, [x1]\n"
		"bl opaque\n"
		"ldp x2, x1, [x19]\n"
		"str wzr, [x1]\n"
		"bl opaque\n"
		"ldp x2, x1, [x19]\n"
		"stp x2, x1, [sp, #-16]!\n"
		"mov w2, #0x202\n"
		"str w2, [x1]\n"
		"bl opaque\n"
		"ldp x3, x4, [sp], #16\n"
		"cmp x3, #1\n"
		"csel x1, x4, x4, eq\n"
		"str wzr, [x1]\n"
		"bl opaque\n"
		"ldr x19, [sp, #16]\n"
		"ldp x29, x30, [sp], #32\n"
		"ret\n"
		".size by_neighbor, . - by_neighbor\n"
		".popsection");
#else
#define by_neighbor() ((void) 0)
#endif

/* The same shape as in the sample, next to the variable's definition */
static void
wait_here(int n)
{
	*(volatile uint32_t *) my_wait_event_info = 0x200;
	before += n;
	opaque();
	*(volatile uint32_t *) my_wait_event_info = 0;
	behind -= before;
}

__attribute__((noinline)) static void
set_pointer(uint32_t *word)
{
	my_wait_event_info = word;
}

__attribute__((noinline)) static void
reset_pointer(void)
{
	my_wait_event_info = &local;
}

int
main(int argc, char **argv)
{
	(void) argv;
	TRAP(&shared[argc]);
	wait_here(argc);
	set_pointer(&shared[argc]);
	behind += sample_run(argc + 2);
	wait_here(argc);
	by_neighbor();
	reset_pointer();
	wait_here(argc);
	TRAP(0);
	return (behind & 1) != 0 && shared[argc] != 0;
}
