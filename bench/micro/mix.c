/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Benchmarks of lib/mix and of the generator under it, with a million packets held. One item is a
 * packet that is added and one that is taken; the virtual clock goes on so that as many fall due as
 * come. The memory is in huge pages where the kernel gives them, as the relay's is.
 */
#include <sys/mman.h>

#include "lm_mix.h"

#include "micro.h"

#define HELD      (1u << 20)
#define HUGE_PAGE ((size_t)1 << 21)

/* poisson: two packets a microsecond with this mean delay are HELD of them held. */
#define MEAN_US      (HELD / 2)
#define POISSON_ROOM (HELD + HELD / 64) /* 16 standard deviations above the mean */

struct mix_context {
	struct lm_mix *mix;
	struct lm_prng prng;
	uint64_t now;       /* in halves of a microsecond */
	uint32_t *delay_us; /* drawn by the senders: HELD of them, used in turn */
	uint32_t at;
	uint32_t sink;
};

static void *huge_alloc(size_t n)
{
	size_t size = (n + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	void *memory = aligned_alloc(HUGE_PAGE, size);

	LM_ASSERT(memory);
	(void)madvise(memory, size, MADV_HUGEPAGE);
	memset(memory, 0, size);
	return memory;
}

static void add(struct mix_context *c, unsigned n)
{
	struct lm_mix_item item[LM_BURST];

	for (unsigned i = 0; i < n; i++) {
		item[i] = (struct lm_mix_item){
			.packet = c,
			.delay_us = c->delay_us[c->at++ % HELD],
			.from = (uint16_t)i,
			.to = 1,
		};
	}
	LM_ASSERT(lm_mix_add(c->mix, item, n, c->now / 2) == n);
}

static struct mix_context *make(const struct lm_mix_params *params, uint32_t capacity)
{
	static const uint8_t seed[32] = "mix";
	struct mix_context *c = calloc(1, sizeof(*c));

	LM_ASSERT(c);
	c->delay_us = huge_alloc(HELD * sizeof(c->delay_us[0]));
	c->mix = lm_mix_init(huge_alloc(lm_mix_size(capacity)), capacity, params, seed, 0);
	lm_prng_init(&c->prng, seed);
	for (uint32_t i = 0; i < HELD; i++)
		c->delay_us[i] = lm_mix_draw_delay_us(params, &c->prng);
	for (uint32_t i = 0; i < HELD; i += LM_BURST)
		add(c, LM_BURST);
	return c;
}

static void teardown(void *context)
{
	struct mix_context *c = context;

	free(c->mix);
	free(c->delay_us);
	free(c);
}

/* A microsecond for each packet of a batch, and so one packet due in each. */
static void *setup_batch(const char *backend)
{
	static const struct lm_mix_params params = {
		.strategy = LM_MIX_BATCH,
		.interval_us = HELD,
		.max_wait_us = HELD,
		.min_batch = 32,
		.min_neighbours = 1,
	};
	struct mix_context *c = make(&params, HELD);

	(void)backend;
	c->now = 2 * ((uint64_t)HELD - 1);
	return c;
}

/* What a burst takes makes room for what comes, however a batch's end cuts it. */
static void run_batch(void *context, unsigned n)
{
	struct mix_context *c = context;
	struct lm_mix_item item[LM_BURST];

	for (unsigned left = n, taken; left > 0; left -= taken) {
		c->now += 2 * left;
		taken = lm_mix_take(c->mix, item, left, c->now / 2);
		add(c, taken);
	}
}

/* A flush of half of the pool begins whenever the last has left. */
static void *setup_pool(const char *backend)
{
	static const struct lm_mix_params params = {
		.strategy = LM_MIX_POOL,
		.interval_us = 1000,
		.threshold = HELD - 1,
		.flush_ppm = 1000,
		.stay_ppm = 500000,
	};

	(void)backend;
	return make(&params, HELD);
}

static void run_pool(void *context, unsigned n)
{
	struct mix_context *c = context;
	struct lm_mix_item item[LM_BURST];

	for (unsigned left = n, taken; left > 0; left -= taken) {
		taken = lm_mix_take(c->mix, item, left, c->now / 2);
		add(c, taken);
		c->now += 2 * (taken == 0);
	}
}

static void *setup_poisson(const char *backend)
{
	static const struct lm_mix_params params = {
		.strategy = LM_MIX_POISSON,
		.mean_delay_us = MEAN_US,
	};

	(void)backend;
	return make(&params, POISSON_ROOM);
}

static void run_poisson(void *context, unsigned n)
{
	struct mix_context *c = context;
	struct lm_mix_item item[LM_BURST];
	unsigned taken;

	c->now += n;
	do
		taken = lm_mix_take(c->mix, item, LM_BURST, c->now / 2);
	while (taken == LM_BURST);
	add(c, n);
	LM_ASSERT(lm_mix_held(c->mix) > HELD - HELD / 64);
}

static void *setup_prng(const char *backend)
{
	struct mix_context *c = calloc(1, sizeof(*c));

	(void)backend;
	LM_ASSERT(c);
	lm_prng_init(&c->prng, (const uint8_t[32]){1});
	return c;
}

static void run_prng(void *context, unsigned n)
{
	struct mix_context *c = context;

	for (unsigned i = 0; i < n; i++)
		c->sink += lm_prng_below(&c->prng, HELD - i);
}

static const struct benchmark benchmarks[] = {
	{"mix.batch", BASELINE_SHARED, setup_batch, NULL, run_batch, teardown},
	{"mix.pool", BASELINE_SHARED, setup_pool, NULL, run_pool, teardown},
	{"mix.poisson", BASELINE_SHARED, setup_poisson, NULL, run_poisson, teardown},
	{"mix.draw_below", BASELINE_SHARED, setup_prng, NULL, run_prng, free},
};

static const char *backend_name(unsigned i)
{
	return i == 0 ? "portable" : NULL;
}

static bool backend_usable(unsigned i)
{
	return i == 0;
}

const struct suite mix_suite = {
	benchmarks,
	LM_COUNT(benchmarks),
	backend_name,
	backend_usable,
};
