/*
 * known_stores.c
 *		A program whose stores to the wait event's word are known.
 *
 * 010_sites.pl builds it in several ways and knows each store by its value; it
 * is never run.  013_broken_files.pl breaks it.
 */
#include <stdint.h>

#define NOINLINE __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline))
#define STORE(p, x) (*(volatile uint32_t *) (p) = (x))

extern uint32_t *my_wait_event_info;
static uint32_t local;
uint32_t *my_wait_event_info = &local;

/* Unknown to the compiler, and it returns. */
extern void opaque(void);
__asm__(".pushsection .text\n"
		".globl opaque\n.type opaque, @function\n"
		"opaque: ret\n"
		".size opaque, . - opaque\n.popsection");

INLINE void start(uint32_t event) { STORE(my_wait_event_info, event); }
INLINE void end(void) { STORE(my_wait_event_info, 0); }

NOINLINE void pair(void)
{ start(0x1001); opaque(); end(); opaque(); }

NOINLINE void any_event(uint32_t event)
{ start(event); opaque(); end(); opaque(); }

NOINLINE void end_then_start(void)
{ start(0x1003); opaque(); end(); start(0x1004); opaque(); end(); opaque(); }

NOINLINE void one_load(void)
{ uint32_t *p = my_wait_event_info;
  STORE(p, 0x1005); opaque(); STORE(p, 0); opaque(); }

NOINLINE void around_loop(int n)
{ start(0x1006); do opaque(); while (n-- > 0); end(); opaque(); }

NOINLINE void above_loop(int n)
{ uint32_t *p = my_wait_event_info;
  while (n-- > 0) { STORE(p, 0x1007); opaque(); STORE(p, 0); opaque(); } }

NOINLINE void branches(int n)
{ uint32_t *p = my_wait_event_info;
  opaque();
  if (n > 7) { STORE(p, 0x1008); opaque(); }
  else { opaque(); STORE(p, 0x1009); opaque(); opaque(); }
  STORE(p, 0); opaque(); }

NOINLINE void spilled(void)
{ uint32_t *p = my_wait_event_info;
  opaque();
  __asm__ volatile("" ::: "rbx", "r12", "r13", "r14", "r15", "memory");
  STORE(p, 0x100a); opaque();
  __asm__ volatile("" ::: "rbx", "r12", "r13", "r14", "r15", "memory");
  STORE(p, 0); opaque(); }

NOINLINE void switched(int n)
{ opaque(); start(0x100f);
  switch (n)
  { case 0: opaque(); break;
    case 1: opaque(); opaque(); break;
    case 2: opaque(); opaque(); opaque(); break;
    case 3: local++; opaque(); local++; break;
    case 4: local--; opaque(); local--; break;
    case 5: local = 7; opaque(); local ^= 2; break; }
  end(); opaque(); }

NOINLINE void system_call(void)
{ long nr = 39;
  start(0x100b);
  __asm__ volatile("syscall" : "+a" (nr) :: "rcx", "r11", "memory");
  end(); opaque(); }

/* Writes of the pointer, which are no stores through it */
NOINLINE void set_pointer(uint32_t *p) { my_wait_event_info = p; }
NOINLINE void reset_pointer(void) { my_wait_event_info = &local; }

#ifdef WITH_ASM
/* Data right before the code, which looks like the start of a long mov */
__asm__(".pushsection .text\n"
		".byte 0x0f, 0xff, 0x06, 0x48, 0xb8\n"
		"after_data:\n"
		"mov my_wait_event_info(%rip), %rax\n"
		"movl $0x100c, (%rax)\n"
		"call opaque\n"
		"mov my_wait_event_info(%rip), %rcx\n"
		"andl $0, (%rcx)\n"
		"nop\n"
		"ret\n"
/* A loop that is entered behind an end and a start, and jumps back there */
		"entered:\n"
		"mov my_wait_event_info(%rip), %rax\n"
		"movl $0, (%rax)\n"
		"movl $0x100d, (%rax)\n"
		"1: call opaque\n"
		"dec %ebx\n"
		"jnz 1b\n"
		"ret\n"
/* A jump to itself while the pointer is held, and no way on */
		"stuck:\n"
		"mov my_wait_event_info(%rip), %rax\n"
		"1: jmp 1b\n"
/* Instructions that no probe may be put on stand in between. */
		"unfriendly:\n"
		"mov my_wait_event_info(%rip), %rax\n"
		"movl $0x100e, (%rax)\n"
		"mov %rbx, %rdi\n"
		"lock incl (%rdi)\n"
		"xchg %ax, %ax\n"
		"nopw %cs:0(%rax,%rax)\n"
		"nopl (%rax)\n"
		"nopl 0(%rax,%rax)\n"
		"nopw 0(%rax,%rax)\n"
		"syscall\n"
		"ret\n"
		".popsection");
#endif

int main(void)
{
	pair(); any_event(0x1002); end_then_start(); one_load();
	around_loop(3); above_loop(3); branches(1); spilled();
	switched(2); system_call();
	set_pointer(&local); reset_pointer();
	return 0;
}
