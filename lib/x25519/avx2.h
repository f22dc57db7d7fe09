/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the two halves of the avx2 backend share: reading and writing vectors of items, the
 * inversion at a burst's end, and wiping.
 */
#pragma once

#include "avx2_field.h"
#include "backend.h"

#define VECTORS (LM_X25519_BURST / LANES)

static inline unsigned lanes_of(unsigned v, unsigned n)
{
	return n - v * LANES < LANES ? n - v * LANES : LANES;
}

/* out = num / den as bytes of n items, 0 where den is zero; see avx512ifma.h. */
uint64_t lm_x25519_avx2_quotients(struct lm_point *out, struct fe num[VECTORS],
				  struct fe den[VECTORS], unsigned n);

/* Four times 32 bytes to words; lanes from count on are zero. */
void lm_x25519_avx2_load(vec w[4], const void *items, unsigned count);

/* Four words a lane to limbs; bit 255 is left out. */
struct fe lm_x25519_avx2_unpack(const vec w[4]);

/* Clears the vector registers, and the stack that the burst's functions used. */
void lm_x25519_avx2_wipe(void);

void lm_x25519_avx2_base(struct lm_point *out, const struct lm_secret *secret, unsigned n);
