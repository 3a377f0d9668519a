/*
 * arch.h
 *		What is to be known of one architecture.
 *
 * Implemented by the folder that has the architecture's name, and used
 * by insn.c, which picks one by the ELF header.
 *
 * Pure C: neither PostgreSQL nor libbpf.
 */
#ifndef PGT_SITES_CODE_ARCH_H
#define PGT_SITES_CODE_ARCH_H

#include "bgworker/sites/code/scan.h"

typedef struct PgtMachine
{
	uint16_t	id;				/* EM_X86_64 and so on */
	PgtRegisters registers;

	/* The state of a decoder; NULL for both if it needs none. */
	void	   *(*open) (void);
	void		(*close) (void *state);

	/* Decode what stands at bytes, of which there are size, at least one. */
	bool		(*decode) (void *state, const uint8_t *bytes, size_t size,
						   uint64_t addr, PgtInsn *insn);
	int			(*decode_size) (void *state, const uint8_t *bytes,
								size_t size, uint64_t addr);

	/* See scan.h. */
	bool		(*scan_references) (PgtDecoder *decoder,
									const PgtElfImage *image,
									const PgtFunctions *functions,
									const PgtTargets *targets,
									PgtFoundReference found, void *arg);
	void		(*scan_jumps) (const PgtElfImage *image, PgtFoundJump found,
							   void *arg);
	bool		(*scan_is_start) (PgtDecoder *decoder,
								  const PgtElfImage *image, uint64_t addr);
} PgtMachine;

extern const PgtMachine pgt_x86;
extern const PgtMachine pgt_aarch64;

/* What an architecture's scan.c has for its insn.c. */
extern bool pgt_x86_scan_references(PgtDecoder *decoder,
									const PgtElfImage *image,
									const PgtFunctions *functions,
									const PgtTargets *targets,
									PgtFoundReference found, void *arg);
extern void pgt_x86_scan_jumps(const PgtElfImage *image, PgtFoundJump found,
							   void *arg);
extern bool pgt_x86_scan_is_start(PgtDecoder *decoder,
								  const PgtElfImage *image, uint64_t addr);
extern bool pgt_aarch64_scan_references(PgtDecoder *decoder,
										const PgtElfImage *image,
										const PgtFunctions *functions,
										const PgtTargets *targets,
										PgtFoundReference found, void *arg);
extern void pgt_aarch64_scan_jumps(const PgtElfImage *image,
								   PgtFoundJump found, void *arg);
extern bool pgt_aarch64_scan_is_start(PgtDecoder *decoder,
									  const PgtElfImage *image, uint64_t addr);

/* What a probe on an instruction costs: uprobe_cost.c. */
extern PgtProbeCost pgt_x86_probe_cost(const uint8_t *bytes, int size);
extern PgtProbeCost pgt_aarch64_probe_cost(uint32_t word);

#endif							/* PGT_SITES_CODE_ARCH_H */
