/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BLAKE2b in eight lanes of AVX-512.
 */
#include "avx512_lanes.h"
#include "backend.h"
#include "blake2b_lanes.h"

void lm_blake2b_avx512(uint8_t *out, size_t out_len, const uint8_t *message, size_t len,
		       const char person[16], unsigned n)
{
	blake2b_lanes(out, out_len, message, len, person, n);
}
