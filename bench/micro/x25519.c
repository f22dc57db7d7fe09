/* SPDX-License-Identifier: BSD-3-Clause */
/* Benchmarks of lib/x25519. */
#include "lm_x25519.h"

#include "micro.h"

struct x25519_context {
	struct lm_secret secret[LM_BURST];
	struct lm_point point[LM_BURST], out[LM_BURST];
};

static void *setup(const char *backend)
{
	struct x25519_context *c = calloc(1, sizeof(*c));

	LM_ASSERT(c && lm_x25519_select(backend, NULL) == 0);
	lm_rand(c->secret, sizeof(c->secret));
	lm_rand(c->point, sizeof(c->point));
	return c;
}

static void run_shared(void *context, unsigned n)
{
	struct x25519_context *c = context;

	LM_ASSERT(lm_x25519_burst(c->out, c->secret, c->point, n) != 0);
}

static void run_each(void *context, unsigned n)
{
	struct x25519_context *c = context;

	LM_ASSERT(lm_x25519_each_burst(c->out, c->secret, c->point, n) != 0);
}

static void run_base(void *context, unsigned n)
{
	struct x25519_context *c = context;

	lm_x25519_base_burst(c->out, c->secret, n);
}

static const struct benchmark benchmarks[] = {
	{"x25519.shared", BASELINE_SHARED, setup, NULL, run_shared, free},
	{"x25519.each", BASELINE_SHARED, setup, NULL, run_each, free},
	{"x25519.base", BASELINE_BASE, setup, NULL, run_base, free},
};

const struct suite x25519_suite = {
	benchmarks,
	LM_COUNT(benchmarks),
	lm_x25519_backend_name,
	lm_x25519_backend_usable,
};
