/*
 * decoder.h
 *		Instructions of an image's code, one at a time.
 *
 * Pure C: libcapstone, but neither PostgreSQL nor libbpf.
 */
#ifndef PGT_SITES_CODE_DECODER_H
#define PGT_SITES_CODE_DECODER_H

#include "bgworker/sites/code/insn.h"
#include "bgworker/sites/elf/image.h"

/*
 * A decoder for the image's code, which has to outlive it.  NULL if the
 * machine isn't supported, which *supported tells, or memory ran out.
 */
extern PgtDecoder *pgt_decoder_create(const PgtElfImage *image,
									  bool *supported);

/* NULL is fine. */
extern void pgt_decoder_free(PgtDecoder *decoder);

extern const PgtRegisters *pgt_decoder_registers(const PgtDecoder *decoder);

/* Decode the instruction at addr; false if there is none. */
extern bool pgt_decoder_at(PgtDecoder *decoder, uint64_t addr, PgtInsn *insn);

/* Only its size, which is faster; 0 if there is none. */
extern int	pgt_decoder_size(PgtDecoder *decoder, uint64_t addr);

#endif							/* PGT_SITES_CODE_DECODER_H */
