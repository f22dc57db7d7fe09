/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Benchmarks of lib/cover's pacer with 4096 links: a slot that carries a dummy, and one that
 * carries a packet, which was pushed. The virtual clock goes on so that as many slots come as are
 * taken.
 */
#include "lm_cover.h"

#include "micro.h"

#define LINKS    4096
#define CAPACITY (1u << 20)

struct pacer_context {
	struct lm_pacer *pacer;
	struct lm_prng prng;
	uint64_t now_us;
};

static void *setup(const char *backend)
{
	static const uint8_t seed[32] = "pacer";
	struct lm_pacer_params params = {LINKS, LINKS, CAPACITY, CAPACITY};
	struct pacer_context *c = calloc(1, sizeof(*c));
	size_t size = (lm_pacer_size(&params) + LM_PACER_ALIGN - 1) / LM_PACER_ALIGN;
	void *memory = aligned_alloc(LM_PACER_ALIGN, size * LM_PACER_ALIGN);

	(void)backend;
	LM_ASSERT(c && memory);
	lm_prng_init(&c->prng, seed);
	c->pacer = lm_pacer_init(memory, &params, seed);
	for (unsigned link = 1; link <= LINKS; link++)
		lm_pacer_set(c->pacer, (uint16_t)link, 0);
	return c;
}

static void run_dummies(void *context, unsigned n)
{
	struct pacer_context *c = context;
	struct lm_mix_item item[LM_BURST];

	for (unsigned got = 0; got < n; c->now_us += got < n)
		got += lm_pacer_due(c->pacer, item + got, n - got, c->now_us);
}

static void run_packets(void *context, unsigned n)
{
	struct pacer_context *c = context;

	/* to any link, as they leave a mix; 96 of 100 slots, so that none gets full */
	for (unsigned i = 0; i < n; i++) {
		struct lm_mix_item item = {.packet = c,
					   .from = 1,
					   .to = (uint16_t)(1 + lm_prng_below(&c->prng, LINKS))};

		if (lm_prng_below(&c->prng, 100) < 96)
			LM_ASSERT(lm_pacer_push(c->pacer, &item) == LM_DROP_NONE);
	}
	run_dummies(c, n);
}

static void teardown(void *context)
{
	struct pacer_context *c = context;

	free(c->pacer);
	free(c);
}

static const struct benchmark benchmarks[] = {
	{"pacer.dummy", BASELINE_SHARED, setup, NULL, run_dummies, teardown},
	{"pacer.packet", BASELINE_SHARED, setup, NULL, run_packets, teardown},
};

static const char *backend_name(unsigned i)
{
	return i == 0 ? "portable" : NULL;
}

static bool backend_usable(unsigned i)
{
	return i == 0;
}

const struct suite pacer_suite = {
	benchmarks,
	LM_COUNT(benchmarks),
	backend_name,
	backend_usable,
};
