/*
 * fields.h
 *		The fields of an AArch64 instruction, for the files that decode them.
 *
 * Pure C: neither PostgreSQL nor libbpf.
 */
#ifndef PGT_SITES_AARCH64_FIELDS_H
#define PGT_SITES_AARCH64_FIELDS_H

#include "bgworker/sites/code/insn.h"

/* Registers are numbered as their encoding does. */
#define FP				29
#define LR				30
#define SP				31

/* Where registers are encoded */
#define RD				0
#define RN				5
#define RA				10
#define RM				16

static inline uint32_t
bits(uint32_t word, int from, int count)
{
	return word >> from & ((UINT32_C(1) << count) - 1);
}

static inline int64_t
signed_bits(uint32_t word, int from, int count)
{
	int64_t		value = (int64_t) bits(word, from, count);

	return (value >> (count - 1) & 1) != 0 ?
		value - (INT64_C(1) << count) : value;
}

/* A general register, where number 31 is none but always zero. */
static inline int
general(uint32_t word, int at)
{
	int			reg = (int) bits(word, at, 5);

	return reg == SP ? PGT_NO_REGISTER : reg;
}

static inline uint32_t
register_bit(int reg)
{
	return reg == PGT_NO_REGISTER ? 0 : UINT32_C(1) << reg;
}

static inline uint32_t
general_bit(uint32_t word, int at)
{
	return register_bit(general(word, at));
}

#endif							/* PGT_SITES_AARCH64_FIELDS_H */
