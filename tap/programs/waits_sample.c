/*-------------------------------------------------------------------------
 *
 * waits_sample.c
 *	  Waits in all the shapes of code that a server reports them from.
 *
 * What a compiler makes of this is what bgworker/sites/sites.c has to find the
 * stores in.  tap/012_builds.pl compiles it in many ways, as a part of a
 * program or, like an extension, as a shared library that imports the
 * pointer, and runs it together with waits_main.c.
 *
 * Everything depends on arguments, so that nothing is known beforehand, and
 * every wait has an event of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "waits_sample.h"

#define NOINLINE __attribute__((noinline))

static long counter;
static unsigned long table[4];

/* As the server reports waits: inlined, but not where nothing is optimized */
static inline void
wait_start(uint32_t event)
{
	*(volatile uint32_t *) my_wait_event_info = event;
}

static inline void
wait_end(void)
{
	*(volatile uint32_t *) my_wait_event_info = 0;
}

/* Functions of which the caller may know which registers they leave alone */
static NOINLINE int
leaf(int n)
{
	int			result = 0;

	for (int i = 0; i < n; i++)
	{
		result ^= i * n;
		__asm__ volatile ("":::"memory");
	}
	return result;
}

static NOINLINE void
count(void)
{
	counter++;
}

static NOINLINE int
branch(int n)
{
	count();
	return n > 2 ? leaf(n) : 1;
}

static NOINLINE void
simple(void)
{
	wait_start(0x100);
	opaque();
	wait_end();
}

static NOINLINE int
with_result(int n)
{
	int			result;

	wait_start(0x101);
	result = opaque_sum(n, n + 1, n + 2);
	wait_end();
	return result;
}

static NOINLINE void
by_argument(uint32_t event)
{
	wait_start(event);
	opaque();
	wait_end();
	opaque();
}

/* The pointer may stay in a register that another callee would change. */
static NOINLINE int
over_leaves(int n)
{
	int			result;

	wait_start(0x103);
	result = leaf(n);
	wait_end();
	wait_start(0x104);
	count();
	wait_end();
	wait_start(0x105);
	result += branch(n);
	wait_end();
	return result;
}

/* An end and a start in a row, also of the same event */
static NOINLINE void
in_a_row(int n)
{
	for (int i = 0; i < n; i++)
	{
		wait_start(0x106);
		opaque();
		wait_end();
	}
	wait_start(0x107);
	opaque();
	wait_start(0x108);
	opaque();
	wait_end();
	opaque();
}

/* Small enough to be unrolled */
static NOINLINE void
unrolled(void)
{
	for (uint32_t i = 0; i < 4; i++)
	{
		wait_start(0x110 + i);
		opaque();
		wait_end();
		table[i] += i;
	}
}

static NOINLINE int
retried(int n)
{
	int			result;

retry:
	wait_start(0x120);
	result = opaque_sum(n, 0, 0);
	wait_end();
	if (result > 0)
	{
		n--;
		goto retry;
	}
	return result;
}

static NOINLINE int
chosen(int n)
{
	wait_start(n & 1 ? 0x121 : 0x122);
	opaque();
	wait_end();
	if (n > 5)
		return 0;
	if (n > 1)
		wait_start(0x123);
	opaque();
	if (n > 1)
		wait_end();
	return opaque_sum(n, n, n);
}

static NOINLINE int
switched(int n)
{
	int			result = n;

	wait_start(0x124);
	switch (n)
	{
		case 0:
			opaque();
			break;
		case 1:
			result = opaque_sum(n, 1, 1);
			wait_end();
			opaque();
			return result;
		case 2:
			opaque();
			wait_start(0x125);
			opaque();
			break;
		case 3:
			result = leaf(7);
			break;
		case 4:
			count();
			opaque();
			break;
		case 5:
			counter = 1;
			break;
		case 6:
			result = branch(n);
			break;
	}
	wait_end();
	opaque();
	return result;
}

/* More values to keep than there are registers */
static NOINLINE long
crowded(long n)
{
	long		a = table[0] + n;
	long		b = table[1] * n;
	long		c = table[2] ^ n;
	long		d = table[3] - n;
	long		e = a * b;
	long		f = b - c;
	long		g = c ^ d;
	long		h = d + a;

	for (long i = 0; i < n; i++)
	{
		wait_start(0x126);
		a += opaque_sum((int) b, (int) c, (int) d);
		wait_end();
		wait_start(0x127);
		b ^= opaque_sum((int) e, (int) f, (int) g);
		c += h * i;
		wait_end();
		e += a;
		f -= b;
		g ^= e;
		h += f;
	}
	return a + b + c + d + e + f + g + h;
}

static NOINLINE double
floating(double x, int n)
{
	double		y = x * 3;

	for (int i = 0; i < n; i++)
	{
		wait_start(0x128);
		y += x / (y + 1);
		opaque();
		wait_end();
		x *= y;
	}
	return x - y;
}

/* Frames whose size isn't known, and calls through a pointer */
static NOINLINE int
on_stack(int n, void (*function) (void))
{
	volatile char buffer[n + 16];

	wait_start(0x129);
	buffer[n] = 1;
	function();
	wait_end();
	function();
	return buffer[n];
}

static NOINLINE int
recursive(int n)
{
	int			result = 0;

	if (n > 0)
	{
		wait_start(0x12a);
		opaque();
		wait_end();
		result = recursive(n - 1);
		wait_start(0x12b);
		opaque();
	}
	wait_end();
	return result + 1;
}

/* The last thing that it does is a call, which may be made a jump. */
static NOINLINE int
tail(int n)
{
	wait_start(0x12c);
	opaque();
	wait_end();
	return opaque_sum(n, 2, 3);
}

static NOINLINE long
system_call(void)
{
	long		result;

	wait_start(0x12d);
#ifdef __x86_64__
	__asm__ volatile ("syscall":"=a" (result):"0"(39L):"rcx", "r11", "memory");
#else
	register long x0 __asm__("x0");

	__asm__ volatile ("mov x8, #172; svc #0":"=r" (x0)::"x8", "memory");

	result = x0;
#endif
	wait_end();
	return result;
}

int
sample_run(int n)
{
	int			result = 0;

	simple();
	result += with_result(n);
	by_argument(0x102);
	result += over_leaves(n);
	in_a_row(n);
	unrolled();
	result += retried(n);
	for (int i = 0; i < 8; i++)
	{
		result += chosen(i);
		result += switched(i);
	}
	result += (int) crowded(n);
	result += (int) floating(n, n);
	result += on_stack(n, opaque);
	result += recursive(n);
	result += tail(n);
	result += (int) system_call();
	return result;
}
