/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The assembly of lib/x25519's ladder under MemorySanitizer, as shims_sodium.c has libsodium. That
 * the assembly itself does not depend on secrets is what check_ladder.py looks for.
 */
#include "ifma_ladder.h"
#include "shims.h"

WRAPPED(void, lm_x25519_ifma_ladder,
	(struct ifma_ladder * ladder, const uint8_t swap[LADDER_STEPS]))
{
	bool secret = shim_any_secret(ladder->state, sizeof(ladder->state)) ||
		      shim_any_secret(ladder->times, sizeof(ladder->times)) ||
		      shim_any_secret(swap, LADDER_STEPS);

	__real_lm_x25519_ifma_ladder(ladder, swap);
	shim_mark(ladder->state, sizeof(ladder->state), secret);
	shim_mark(ladder->spill, sizeof(ladder->spill), secret);
}
