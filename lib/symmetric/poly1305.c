/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Poly1305 (RFC 8439, 2.5) by the backend's kernel.
 */
#include "context.h"

void lm_symmetric_poly1305(struct lm_symmetric *symmetric, struct lm_mac *mac,
			   const struct lm_mac_key *key, const uint8_t *const message[], size_t len,
			   unsigned n)
{
	LM_ASSERT(n >= 1 && n <= LM_BURST && len >= 1);
	symmetric->backend->poly1305(symmetric, mac, key, message, len, n);
	lm_symmetric_end();
}
