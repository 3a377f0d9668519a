/*
 * hash.h
 *		Hash values of numbers and texts.
 */
#ifndef PGT_MODEL_HASH_H
#define PGT_MODEL_HASH_H

#include <stdint.h>
#include <string.h>

/* The finalizer of MurmurHash3 */
static inline uint64_t
pgt_hash_number(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

/* Eight bytes at a time */
static inline uint64_t
pgt_hash_text(const char *text, size_t len)
{
	uint64_t	h = len * UINT64_C(0x9e3779b97f4a7c15);
	uint64_t	word;

	for (; len >= sizeof(word); text += sizeof(word), len -= sizeof(word))
	{
		memcpy(&word, text, sizeof(word));
		h = (h ^ pgt_hash_number(word)) * UINT64_C(0x9e3779b97f4a7c15);
	}
	word = 0;
	if (len > 0)
		memcpy(&word, text, len);
	return pgt_hash_number(h ^ word);
}

#endif							/* PGT_MODEL_HASH_H */
