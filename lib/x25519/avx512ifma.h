/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the two halves of the avx512ifma backend share: reading and writing vectors of items, the
 * inversion at a burst's end, and wiping.
 */
#pragma once

#include "backend.h"
#include "ifma_field.h"

#define VECTORS (LM_X25519_BURST / LANES)

static inline unsigned lanes_of(unsigned v, unsigned n)
{
	return n - v * LANES < LANES ? n - v * LANES : LANES;
}

/*
 * For v < vectors sets bytes out of num[v] / den[v], in up to n items; 0 where den[v] is zero.
 * Returns the mask of the results that are not zero. num and den hold canonical or carried
 * elements, and are overwritten.
 */
uint64_t lm_x25519_ifma_quotients(struct lm_point *out, struct fe num[VECTORS],
				  struct fe den[VECTORS], unsigned n);

/* Eight times 32 bytes to words and back; lanes from count on are zero, or left out. */
void lm_x25519_ifma_load(vec w[4], const void *items, unsigned count);

/* Clears every vector and mask register, and the stack that the burst's functions used. */
void lm_x25519_ifma_wipe(void);

void lm_x25519_ifma_base(struct lm_point *out, const struct lm_secret *secret, unsigned n);
