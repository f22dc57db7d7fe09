/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop of the Montgomery ladder over eight lanes: assembly that scripts/write-x25519-ladder
 * writes at build time. README.md has the formulas and the schedule.
 */
#pragma once

#include "ifma_field.h"

#define LADDER_STEPS 251 /* bits 253 to 3; the rest of a clamped scalar is known */
#define LADDER_SPILL 16  /* vectors; the generator refuses to need more */

/*
 * The state of eight ladders, secret. R0 and R1 are held as X + Z and X - Z. [0] and [1] are those
 * of the point doubled last, [2] and [3] those of the sum. times[i] is 2^(52 i) * x, all limbs
 * below 2^52.
 */
struct ifma_ladder {
	struct fe state[4];
	struct fe times[5];
	vec spill[LADDER_SPILL];
};

/* Step i doubles, in each lane, the sum if the lane's bit of swap[i] is set. */
void lm_x25519_ifma_ladder(struct ifma_ladder *ladder, const uint8_t swap[LADDER_STEPS]);
