/*
 * stores.h
 *		Follow a pointer from where it is loaded to every store through it.
 *
 * Pure C: neither PostgreSQL nor libbpf.
 */
#ifndef PGT_SITES_CODE_STORES_H
#define PGT_SITES_CODE_STORES_H

#include "bgworker/sites/code/decoder.h"
#include "bgworker/sites/elf/unwind_table.h"
#include "bgworker/sites/elf/variable.h"

/* A store of 4 bytes through the pointer. */
typedef struct PgtStore
{
	uint64_t	addr;
	PgtValue	value;
} PgtStore;

typedef struct PgtStores
{
	PgtStore   *items;
	int			nitems;
	int			allocated;
} PgtStores;

/* What became of the value that one reference to the variable loaded. */
typedef struct PgtTrail
{
	uint64_t	first_store;	/* lowest address of a store, 0 if none */
	const char *gap;			/* why stores may have been missed, or NULL */
} PgtTrail;

typedef struct PgtFollower PgtFollower;

/* What is passed has to outlive it.  NULL if memory ran out. */
extern PgtFollower *pgt_follower_create(PgtDecoder *decoder,
										const PgtVariable *variable,
										const PgtFunctions *functions);

/* NULL is fine. */
extern void pgt_follower_free(PgtFollower *follower);

/*
 * Follow what one instruction that addresses the variable, or a slot with its
 * address, loads.  The stores found are added to *stores, each once.  Returns
 * false if memory ran out.
 */
extern bool pgt_follower_run(PgtFollower *follower, const PgtInsn *reference,
							 PgtStores *stores, PgtTrail *trail);

#endif							/* PGT_SITES_CODE_STORES_H */
