/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a backend of lib/x25519 gives, and how one is added.
 *
 * A backend is a static library of its own, compiled with the flags of its instruction set, which
 * defines one `const struct lm_x25519_backend`. Its `usable` sits in a file compiled without those
 * flags, so that asking never runs an instruction which the CPU lacks. x25519.c lists the backends,
 * best first; one that is not compiled in does not appear.
 *
 * The entry points get what lm_x25519.h promises, with 1 <= n <= LM_X25519_BURST already asserted.
 * Secrets come unclamped, points as the caller gave them (bit 255 and values of p and more are
 * possible). Every one wipes its secrets, the vector registers once per call.
 */
#pragma once

#include "lm_x25519.h"

struct lm_x25519_backend {
	const char *name;
	bool (*usable)(void);
	uint64_t (*burst)(struct lm_point *out, const struct lm_secret *secret,
			  const struct lm_point *point, unsigned n);
	uint64_t (*each)(struct lm_point *out, const struct lm_secret *secret,
			 const struct lm_point *point, unsigned n);
	void (*base)(struct lm_point *out, const struct lm_secret *secret, unsigned n);
};

extern const struct lm_x25519_backend lm_x25519_avx512ifma, lm_x25519_avx2, lm_x25519_scalar;
