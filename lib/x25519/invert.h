/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inversion modulo p = 2^255 - 19, one element at a time in 64-bit arithmetic: the last step of a
 * burst on every vector backend. Constant time. Leaves intermediate values on the stack and in
 * registers: the backend wipes both at the end of its burst.
 */
#pragma once

#include <stdint.h>

/*
 * Replaces each z[i], i < n <= 8, by its inverse modulo p: four little-endian words, below 2^255
 * on entry and below p on return. None may be zero modulo p: all results would be zero.
 */
void lm_x25519_invert(uint64_t (*z)[4], unsigned n);
