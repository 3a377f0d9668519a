/*
 * load_store.h
 *		What an AArch64 instruction that loads or stores does.
 *
 * Part of insn.c's decoder; not meant for anybody else.
 */
#ifndef PGT_SITES_AARCH64_LOAD_STORE_H
#define PGT_SITES_AARCH64_LOAD_STORE_H

#include "bgworker/sites/code/insn.h"

/*
 * Describe an instruction of the group "Loads and Stores".  In *insn, addr and
 * size are set, and no register is named yet.
 */
extern void pgt_aarch64_describe_load_store(uint32_t word, PgtInsn *insn);

#endif							/* PGT_SITES_AARCH64_LOAD_STORE_H */
