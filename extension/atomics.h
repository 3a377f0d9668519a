/*
 * atomics.h
 *		The server's atomic variables, also in programs that aren't servers.
 *
 * Those who test the queue, or feed records to what reads it, are compiled with
 * FRONTEND, where the server's port/atomics.h refuses to be included.
 */
#ifndef PGT_ATOMICS_H
#define PGT_ATOMICS_H

#ifndef FRONTEND
#include "port/atomics.h"
#else

typedef struct pg_atomic_uint64
{
	volatile uint64 value pg_attribute_aligned(8);
} pg_atomic_uint64;

static inline void
pg_atomic_init_u64(pg_atomic_uint64 *variable, uint64 value)
{
	variable->value = value;
}

static inline uint64
pg_atomic_read_u64(pg_atomic_uint64 *variable)
{
	return __atomic_load_n(&variable->value, __ATOMIC_RELAXED);
}

static inline void
pg_atomic_write_u64(pg_atomic_uint64 *variable, uint64 value)
{
	__atomic_store_n(&variable->value, value, __ATOMIC_RELAXED);
}

#define pg_memory_barrier()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define pg_read_barrier()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define pg_write_barrier()		__atomic_thread_fence(__ATOMIC_RELEASE)

#endif							/* FRONTEND */

#endif							/* PGT_ATOMICS_H */
