/*
 * sites_code.h
 *		Code that reports waits in one way each, and what is found in it.
 *
 * Assembled for the places that elf_builder.h gives to things; stubs are its
 * ELF_STUB_SLOTS.  What is found is written down as report() in sites.c does.
 */
#ifndef PGT_UNIT_SITES_CODE_H
#define PGT_UNIT_SITES_CODE_H

#include "tap/unit/elf_builder.h"

typedef struct Sample
{
	const char *name;
	uint16_t	machine;
	ElfVariable variable;
	const char *code;
	size_t		size;
	const char *expected;
	uint32_t	functions[2];	/* that the unwind table knows */
	int			nfunctions;
} Sample;

static const Sample samples[] = {
	{
		"a wait", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\xc7\x00\x01\x00\x00\x00"	/* 07: movl $1, (%rax) */
		"\xe8\x0d\x00\x00\x00"	/* 0d: call end */
		"\x48\x8b\x05\xe7\xfd\x00\x00"	/* 12: mov my_wait_event_info(%rip),
										 * %rax */
		"\xc7\x00\x00\x00\x00\x00"	/* 19: movl $0, (%rax) */
		"\xc3",					/* 1f: end: ret */
		32, "07>0d 19>1f!", {0}, 0
	},
	{
		"an end and a start in a row", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\xc7\x00\x00\x00\x00\x00"	/* 07: movl $0, (%rax) */
		"\xc7\x00\x02\x00\x00\x00"	/* 0d: movl $2, (%rax) */
		"\xe8\x00\x00\x00\x00"	/* 13: call end */
		"\xc3",					/* 18: end: ret */
		25, "0d>13 restart superseded=1", {0}, 0
	},
	{
		"a jump leads between them and the probe", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\xc7\x00\x00\x00\x00\x00"	/* 07: movl $0, (%rax) */
		"\xc7\x00\x02\x00\x00\x00"	/* 0d: movl $2, (%rax) */
		"\xff\xcb"				/* 13: back: dec %ebx */
		"\xe8\x02\x00\x00\x00"	/* 15: call end */
		"\x75\xf7"				/* 1a: jnz back */
		"\xc3",					/* 1c: end: ret */
		29, "07>0d! 0d>15", {0}, 0
	},
	{
		"held across a call", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x1d\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rbx */
		"\xc7\x03\x01\x00\x00\x00"	/* 07: movl $1, (%rbx) */
		"\xff\xd0"				/* 0d: call *%rax */
		"\xc7\x03\x00\x00\x00\x00"	/* 0f: movl $0, (%rbx) */
		"\xc3",					/* 15: ret */
		22, "07>0d! 0f>15!", {0}, 0
	},
	{
		"handed to a function", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x3d\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rdi */
		"\xff\xd0"				/* 07: call *%rax */
		"\xc3",					/* 09: ret */
		10, "00: it may be handed to a function", {0}, 0
	},
	{
		"a callee that leaves its register alone", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x0d\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rcx */
		"\xe8\x07\x00\x00\x00"	/* 07: call other */
		"\xc7\x01\x01\x00\x00\x00"	/* 0c: movl $1, (%rcx) */
		"\xc3"					/* 12: ret */
		"\x31\xc0"				/* 13: other: xor %eax, %eax */
		"\xc3",					/* 15: ret */
		22, "0c>12!", {0}, 0
	},
	{
		"a callee that does not", EM_X86_64, ELF_DEFINED,
		"\x4c\x8b\x15\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %r10 */
		"\xe8\x08\x00\x00\x00"	/* 07: call other */
		"\x41\xc7\x02\x01\x00\x00\x00"	/* 0c: movl $1, (%r10) */
		"\xc3"					/* 13: ret */
		"\x45\x31\xd2"			/* 14: other: xor %r10d, %r10d */
		"\xc3",					/* 17: ret */
		24, "pointer=1", {0}, 0
	},
	{
		"spilled to the stack", EM_X86_64, ELF_DEFINED,
		"\x48\x83\xec\x18"		/* 00: sub $24, %rsp */
		"\x48\x8b\x05\xf5\xfd\x00\x00"	/* 04: mov my_wait_event_info(%rip),
										 * %rax */
		"\x48\x89\x44\x24\x08"	/* 0b: mov %rax, 8(%rsp) */
		"\x53"					/* 10: push %rbx */
		"\x48\x8b\x4c\x24\x10"	/* 11: mov 16(%rsp), %rcx */
		"\xc7\x01\x03\x00\x00\x00"	/* 16: movl $3, (%rcx) */
		"\xc3",					/* 1c: ret */
		29, "16>1c!", {0}, 0
	},
	{
		"its address in a register", EM_X86_64, ELF_DEFINED,
		"\x4c\x8d\x25\xf9\xfd\x00\x00"	/* 00: lea my_wait_event_info(%rip),
										 * %r12 */
		"\x49\x8b\x04\x24"		/* 07: mov (%r12), %rax */
		"\xc7\x00\x04\x00\x00\x00"	/* 0b: movl $4, (%rax) */
		"\xc3",					/* 11: ret */
		18, "0b>11!", {0}, 0
	},
	{
		"one of two pointers", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\x48\x0f\x45\xc8"		/* 07: cmovne %rax, %rcx */
		"\xc7\x01\x04\x00\x00\x00"	/* 0b: movl $4, (%rcx) */
		"\xc3",					/* 11: ret */
		18, "0b>11!", {0}, 0
	},
	{
		"exchanged", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\x48\x93"				/* 07: xchg %rax, %rbx */
		"\xc7\x03\x04\x00\x00\x00"	/* 09: movl $4, (%rbx) */
		"\xc3",					/* 0f: ret */
		16, "09>0f!", {0}, 0
	},
	{
		"set", EM_X86_64, ELF_DEFINED,
		"\x48\x89\x3d\xf9\xfd\x00\x00"	/* 00: mov %rdi,
										 * my_wait_event_info(%rip) */
		"\xc3",					/* 07: ret */
		8, "pointer=1", {0}, 0
	},
	{
		"compared", EM_X86_64, ELF_DEFINED,
		"\x48\x39\x3d\xf9\xfd\x00\x00"	/* 00: cmp %rdi,
										 * my_wait_event_info(%rip) */
		"\xc3",					/* 07: ret */
		8, "pointer=1", {0}, 0
	},
	{
		"in a vector register", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\x66\x48\x0f\x6e\xc0"	/* 07: movq %rax, %xmm0 */
		"\xc3",					/* 0c: ret */
		13, "00: it is kept in a vector register", {0}, 0
	},
	{
		"in memory off the stack", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\x48\x89\x05\xfa\xfd\x00\x00"	/* 07: mov %rax, slot(%rip) */
		"\xc3",					/* 0e: ret */
		15, "00: it is kept in memory off the stack", {0}, 0
	},
	{
		"computed with", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\x48\x01\xc3"			/* 07: add %rax, %rbx */
		"\xc3",					/* 0a: ret */
		11, "00: it is computed with", {0}, 0
	},
	{
		"a store of two words", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\x48\xc7\x00\x00\x00\x00\x00"	/* 07: movq $0, (%rax) */
		"\xc3",					/* 0e: ret */
		15, "00: a store that is not of one word", {0}, 0
	},
	{
		"a store of the next word", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\xc7\x40\x04\x00\x00\x00\x00"	/* 07: movl $0, 4(%rax) */
		"\xc3",					/* 0e: ret */
		15, "00: a store that is not of one word", {0}, 0
	},
	{
		"by a slot", EM_X86_64, ELF_RELATIVE,
		"\x48\x8b\x1d\x01\xfe\x00\x00"	/* 00: mov slot(%rip), %rbx */
		"\x48\x8b\x03"			/* 07: mov (%rbx), %rax */
		"\x89\x38"				/* 0a: movl %edi, (%rax) */
		"\xc3",					/* 0c: ret */
		13, "0a>0c!", {0}, 0
	},
	{
		"by a slot that is initialized", EM_X86_64, ELF_INITIALIZED,
		"\x48\x8b\x1d\x01\xfe\x00\x00"	/* 00: mov slot(%rip), %rbx */
		"\x48\x8b\x03"			/* 07: mov (%rbx), %rax */
		"\x89\x38"				/* 0a: movl %edi, (%rax) */
		"\xc3",					/* 0c: ret */
		13, "0a>0c!", {0}, 0
	},
	{
		"another file's", EM_X86_64, ELF_IMPORTED,
		"\x48\x8b\x1d\x01\xfe\x00\x00"	/* 00: mov slot(%rip), %rbx */
		"\x48\x8b\x03"			/* 07: mov (%rbx), %rax */
		"\x89\x38"				/* 0a: movl %edi, (%rax) */
		"\xc3",					/* 0c: ret */
		13, "0a>0c!", {0}, 0
	},
	{
		"the address of a slot", EM_X86_64, ELF_RELATIVE,
		"\x48\x8d\x1d\x01\xfe\x00\x00"	/* 00: lea slot(%rip), %rbx */
		"\xc3",					/* 07: ret */
		8, "00: the address of a pointer to it is taken", {0}, 0
	},
	{
		"across a switch", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x1d\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rbx */
		"\xff\xe0"				/* 07: jmp *%rax */
		"\xc7\x03\x05\x00\x00\x00"	/* 09: movl $5, (%rbx) */
		"\xc3"					/* 0f: ret */
		"\x90",					/* 10: nop */
		17, "09>0f!", {0, 16}, 2
	},
	{
		"across a switch of unknown extent", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x1d\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rbx */
		"\xff\xe0"				/* 07: jmp *%rax */
		"\xc7\x03\x05\x00\x00\x00"	/* 09: movl $5, (%rbx) */
		"\xc3",					/* 0f: ret */
		16, "00: it is held across an indirect jump", {0}, 0
	},
	{
		"before a system call", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\xc7\x00\x06\x00\x00\x00"	/* 07: movl $6, (%rax) */
		"\x48\x89\xfe"			/* 0d: mov %rdi, %rsi */
		"\x0f\x05"				/* 10: syscall */
		"\xc3",					/* 12: ret */
		19, "07>0d!", {0}, 0
	},
	{
		"before an indirect call", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\xc7\x00\x06\x00\x00\x00"	/* 07: movl $6, (%rax) */
		"\x48\x89\xfe"			/* 0d: mov %rdi, %rsi */
		"\xff\xd1"				/* 10: call *%rcx */
		"\xc3",					/* 12: ret */
		19, "07>10!", {0}, 0
	},
	{
		"a call that takes a file", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\xc7\x00\x07\x00\x00\x00"	/* 07: movl $7, (%rax) */
		"\xe8\x01\x00\x00\x00"	/* 0d: call stub */
		"\xc3"					/* 12: ret */
		"\xff\x25\xf7\xfd\x00\x00", /* 13: stub: jmp *stubs(%rip) */
		25, "07>0d file", {0}, 0
	},
	{
		"such a call behind a branch", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\xc7\x00\x07\x00\x00\x00"	/* 07: movl $7, (%rax) */
		"\x74\x06"				/* 0d: jz 1f */
		"\xff\x15\xfb\xfd\x00\x00"	/* 0f: call *stubs(%rip) */
		"\xe8\x01\x00\x00\x00"	/* 15: 1: call stub */
		"\xc3"					/* 1a: ret */
		"\xff\x25\xef\xfd\x00\x00", /* 1b: stub: jmp *stubs(%rip) */
		33, "07>0d call=15", {0}, 0
	},
	{
		"nothing behind a store", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\xc7\x00\x07\x00\x00\x00", /* 07: movl $7, (%rax) */
		13, "07: no instruction behind the store can be probed", {0}, 0
	},
	{
		"no way on", EM_X86_64, ELF_DEFINED,
		"\x48\x8b\x05\xf9\xfd\x00\x00"	/* 00: mov my_wait_event_info(%rip),
										 * %rax */
		"\xeb\xfe",				/* 07: 1: jmp 1b */
		9, "pointer=1", {0}, 0
	},
	{
		"arm64: a wait", EM_AARCH64, ELF_DEFINED,
		"\x93\x00\x00\x90"		/* 00: adrp x19, my_wait_event_info */
		"\x60\x02\x43\xf9"		/* 04: ldr x0, [x19,
								 * #:lo12:my_wait_event_info] */
		"\x21\x00\x80\x52"		/* 08: mov w1, #1 */
		"\x01\x00\x00\xb9"		/* 0c: str w1, [x0] */
		"\x03\x00\x00\x94"		/* 10: bl end */
		"\x60\x02\x43\xf9"		/* 14: ldr x0, [x19,
								 * #:lo12:my_wait_event_info] */
		"\x1f\x00\x00\xb9"		/* 18: str wzr, [x0] */
		"\xc0\x03\x5f\xd6",		/* 1c: end: ret */
		32, "0c>10 18>1c", {0}, 0
	},
	{
		"arm64: a start and an end in a row", EM_AARCH64, ELF_DEFINED,
		"\x93\x00\x00\x90"		/* 00: adrp x19, my_wait_event_info */
		"\x60\x02\x43\xf9"		/* 04: ldr x0, [x19,
								 * #:lo12:my_wait_event_info] */
		"\x01\x00\x00\xb9"		/* 08: str w1, [x0] */
		"\x1f\x00\x00\xb9"		/* 0c: str wzr, [x0] */
		"\xc0\x03\x5f\xd6",		/* 10: ret */
		20, "0c>10 superseded=1", {0}, 0
	},
	{
		"arm64: its address in a register", EM_AARCH64, ELF_DEFINED,
		"\x93\x00\x00\x90"		/* 00: adrp x19, my_wait_event_info */
		"\x74\x02\x18\x91"		/* 04: add x20, x19, #:lo12:my_wait_event_info */
		"\x00\x01\x3f\xd6"		/* 08: blr x8 */
		"\x80\x02\x40\xf9"		/* 0c: ldr x0, [x20] */
		"\x01\x00\x00\xb9"		/* 10: str w1, [x0] */
		"\xc0\x03\x5f\xd6",		/* 14: ret */
		24, "10>14", {0}, 0
	},
	{
		"arm64: one of a pair", EM_AARCH64, ELF_DEFINED,
		"\x93\x00\x00\x90"		/* 00: adrp x19, my_wait_event_info */
		"\x74\x02\x18\x91"		/* 04: add x20, x19, #:lo12:my_wait_event_info */
		"\x81\x0a\x40\xa9"		/* 08: ldp x1, x2, [x20] */
		"\x23\x00\x00\xb9"		/* 0c: str w3, [x1] */
		"\xc0\x03\x5f\xd6",		/* 10: ret */
		20, "0c>10", {0}, 0
	},
	{
		"arm64: spilled to the stack", EM_AARCH64, ELF_DEFINED,
		"\xfd\x7b\xbe\xa9"		/* 00: stp x29, x30, [sp, #-32]! */
		"\x93\x00\x00\x90"		/* 04: adrp x19, my_wait_event_info */
		"\x60\x02\x43\xf9"		/* 08: ldr x0, [x19,
								 * #:lo12:my_wait_event_info] */
		"\xe0\x0b\x00\xf9"		/* 0c: str x0, [sp, #16] */
		"\x00\x01\x3f\xd6"		/* 10: blr x8 */
		"\xe3\x0b\x40\xf9"		/* 14: ldr x3, [sp, #16] */
		"\x7f\x00\x00\xb9"		/* 18: str wzr, [x3] */
		"\xfd\x7b\xc2\xa8"		/* 1c: ldp x29, x30, [sp], #32 */
		"\xc0\x03\x5f\xd6",		/* 20: ret */
		36, "18>20", {0}, 0
	},
	{
		"arm64: one of two pointers", EM_AARCH64, ELF_DEFINED,
		"\x93\x00\x00\x90"		/* 00: adrp x19, my_wait_event_info */
		"\x60\x02\x43\xf9"		/* 04: ldr x0, [x19,
								 * #:lo12:my_wait_event_info] */
		"\x03\x00\x84\x9a"		/* 08: csel x3, x0, x4, eq */
		"\x61\x00\x00\xb9"		/* 0c: str w1, [x3] */
		"\xc0\x03\x5f\xd6",		/* 10: ret */
		20, "0c>10", {0}, 0
	},
	{
		"arm64: in a vector register", EM_AARCH64, ELF_DEFINED,
		"\x93\x00\x00\x90"		/* 00: adrp x19, my_wait_event_info */
		"\x60\x02\x43\xf9"		/* 04: ldr x0, [x19,
								 * #:lo12:my_wait_event_info] */
		"\x00\x00\x67\x9e"		/* 08: fmov d0, x0 */
		"\xc0\x03\x5f\xd6",		/* 0c: ret */
		16, "04: it is kept in a vector register", {0}, 0
	},
	{
		"arm64: set", EM_AARCH64, ELF_DEFINED,
		"\x93\x00\x00\x90"		/* 00: adrp x19, my_wait_event_info */
		"\x60\x02\x03\xf9"		/* 04: str x0, [x19,
								 * #:lo12:my_wait_event_info] */
		"\xc0\x03\x5f\xd6",		/* 08: ret */
		12, "pointer=1", {0}, 0
	},
	{
		"arm64: by a slot", EM_AARCH64, ELF_RELATIVE,
		"\x81\x00\x00\x90"		/* 00: adrp x1, slot */
		"\x21\x04\x43\xf9"		/* 04: ldr x1, [x1, #:lo12:slot] */
		"\x22\x00\x40\xf9"		/* 08: ldr x2, [x1] */
		"\x43\x00\x00\xb9"		/* 0c: str w3, [x2] */
		"\xc0\x03\x5f\xd6",		/* 10: ret */
		20, "0c>10", {0}, 0
	},
	{
		"arm64: another file's", EM_AARCH64, ELF_IMPORTED,
		"\x81\x00\x00\x90"		/* 00: adrp x1, slot */
		"\x21\x04\x43\xf9"		/* 04: ldr x1, [x1, #:lo12:slot] */
		"\x22\x00\x40\xf9"		/* 08: ldr x2, [x1] */
		"\x43\x00\x00\xb9"		/* 0c: str w3, [x2] */
		"\xc0\x03\x5f\xd6",		/* 10: ret */
		20, "0c>10", {0}, 0
	},
	{
		"arm64: before a system call", EM_AARCH64, ELF_DEFINED,
		"\x93\x00\x00\x90"		/* 00: adrp x19, my_wait_event_info */
		"\x60\x02\x43\xf9"		/* 04: ldr x0, [x19,
								 * #:lo12:my_wait_event_info] */
		"\x01\x00\x00\xb9"		/* 08: str w1, [x0] */
		"\xe1\x03\x02\xaa"		/* 0c: mov x1, x2 */
		"\x01\x00\x00\xd4"		/* 10: svc #0 */
		"\xc0\x03\x5f\xd6",		/* 14: ret */
		24, "08>0c!", {0}, 0
	},
	{
		"arm64: no probe in an exclusive sequence", EM_AARCH64, ELF_DEFINED,
		"\x93\x00\x00\x90"		/* 00: adrp x19, my_wait_event_info */
		"\x60\x02\x43\xf9"		/* 04: ldr x0, [x19,
								 * #:lo12:my_wait_event_info] */
		"\x01\x00\x00\xb9"		/* 08: str w1, [x0] */
		"\xa2\x7c\x5f\x88"		/* 0c: ldxr w2, [x5] */
		"\xa2\x7c\x03\x88"		/* 10: stxr w3, w2, [x5] */
		"\xc0\x03\x5f\xd6",		/* 14: ret */
		24, "08: no instruction behind the store can be probed", {0}, 0
	},
	{
		"arm64: a call that takes a file", EM_AARCH64, ELF_DEFINED,
		"\x93\x00\x00\x90"		/* 00: adrp x19, my_wait_event_info */
		"\x60\x02\x43\xf9"		/* 04: ldr x0, [x19,
								 * #:lo12:my_wait_event_info] */
		"\x01\x00\x00\xb9"		/* 08: str w1, [x0] */
		"\x02\x00\x00\x94"		/* 0c: bl stub */
		"\xc0\x03\x5f\xd6"		/* 10: ret */
		"\x90\x00\x00\x90"		/* 14: stub: adrp x16, stubs */
		"\x11\x0a\x43\xf9"		/* 18: ldr x17, [x16, #:lo12:stubs] */
		"\x20\x02\x1f\xd6",		/* 1c: br x17 */
		32, "08>0c file", {0}, 0
	},
	{
		"arm64: half of the address is lost", EM_AARCH64, ELF_DEFINED,
		"\x93\x00\x00\x90"		/* 00: adrp x19, my_wait_event_info */
		"\xf3\x03\x02\xaa"		/* 04: mov x19, x2 */
		"\x60\x02\x43\xf9"		/* 08: ldr x0, [x19,
								 * #:lo12:my_wait_event_info] */
		"\x01\x00\x00\xb9"		/* 0c: str w1, [x0] */
		"\xc0\x03\x5f\xd6",		/* 10: ret */
		20, "", {0}, 0
	},
};

#endif							/* PGT_UNIT_SITES_CODE_H */
