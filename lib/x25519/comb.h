/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The comb of fixed-base multiplication: its tables, which scripts/write-x25519-comb computes at
 * build time, and how a scalar is cut into digits. B is the base point in Edwards form (RFC 7748,
 * section 4.1), -x^2 + y^2 = 1 + d x^2 y^2.
 *
 * A clamped scalar is 8 m with 2^251 <= m < 2^252. Read K = m + 2^254 in 51 digits v of 5 bits:
 * the sum of (2 v - 31) 32^i is 2 m + 1. So 8 m B = (2 m + 1) 4 B - 4 B is a sum of 51 points from
 * tables of the odd multiples of 32^i 4 B, with signs, and -4 B: no digit is zero, none is doubled.
 */
#pragma once

#include <stdint.h>

#define COMB_DIGITS 51
#define COMB_POINTS 16 /* the multiples 1, 3, .. 31 */

/* (y + x) / 2, (y - x) / 2 and d x y: four words each, little-endian, below p. */
enum comb_coordinate { COMB_PLUS, COMB_MINUS, COMB_DXY, COMB_COORDINATES };

extern const uint64_t lm_x25519_comb[COMB_DIGITS][COMB_COORDINATES][4][COMB_POINTS]
	__attribute__((aligned(64)));

/* x, y and x y of -4 B, in the same form. */
extern const uint64_t lm_x25519_comb_start[3][4];
