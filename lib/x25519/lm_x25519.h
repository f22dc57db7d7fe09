/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Batched X25519 (RFC 7748).
 *
 * One call serves up to LM_X25519_BURST items on the backend chosen at start. For a given backend
 * the run time depends on n alone, never on secrets, points or verdicts. Nothing here allocates;
 * any number of threads may call at once; working secrets are wiped before return.
 *
 * Secrets are clamped inside (RFC 7748, section 5). Points are taken modulo 2^255 and modulo p, as
 * RFC 7748 says; a caller that wants canonical points only checks them first.
 */
#pragma once

#include "lm_base.h"

#define LM_X25519_BURST LM_BURST

struct lm_secret {
	uint8_t b[32];
};

struct lm_point {
	uint8_t b[32];
};

/*
 * For each i < n set out[i] = secret * point[i]; 1 <= n <= LM_X25519_BURST. out may equal point.
 * Returns a verdict mask: bit i is clear if the result is zero (point[i] has small order); out[i]
 * is then all zero and the packet must be dropped. A set bit does not make out[i] a key: hash it
 * first.
 */
LM_MUST_CHECK uint64_t lm_x25519_burst(struct lm_point *out, const struct lm_secret *secret,
				       const struct lm_point *point, unsigned n);

/* The same with a secret for each item: out[i] = secret[i] * point[i]. */
LM_MUST_CHECK uint64_t lm_x25519_each_burst(struct lm_point *out, const struct lm_secret *secret,
					    const struct lm_point *point, unsigned n);

/* Public keys: out[i] = secret[i] * 9. Never zero. 1 <= n <= LM_X25519_BURST. */
void lm_x25519_base_burst(struct lm_point *out, const struct lm_secret *secret, unsigned n);

/* True if the point is below 2^255 - 19 with bit 255 clear. The point is public: not constant time.
 */
LM_MUST_CHECK bool lm_x25519_is_canonical(const struct lm_point *point);

/*
 * Backends by name, best first: "avx512ifma", "avx2", "scalar". lm_x25519_backend_name(i) is NULL
 * past the last; lm_x25519_backend_usable says whether this CPU and operating system can run it.
 */
const char *lm_x25519_backend_name(unsigned i);
LM_MUST_CHECK bool lm_x25519_backend_usable(unsigned i);

/*
 * Picks the backend for all later calls; "auto" takes the best usable one, which is also what
 * counts before any call. -EINVAL (no such name) or -ENOTSUP (not on this CPU), with a message that
 * lists the choices. Before threads start.
 */
LM_MUST_CHECK int lm_x25519_select(const char *name, struct lm_error *err);
const char *lm_x25519_selected(void);
