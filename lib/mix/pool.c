/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pool strategy: a flush when the pool has grown beyond its threshold, and at random ticks; in
 * a flush a coin for each item says whether it leaves (threshold-or-random; the binomial mix of
 * Diaz & Serjantov 2003). Ticks lie on one grid, from the time at which the mix was made.
 *
 * Nothing is done to the whole pool at once. The next tick with a flush is known ahead: its
 * distance is geometric. In a flush it does not matter for which items the coins say "leave", only
 * how many they are, since those that leave are drawn uniformly: so one geometric number says how
 * many coins pass until the next "leave", and a random item of the flush is drawn for it.
 *
 * One flush is on at a time. What asks for another meanwhile, because the caller takes slowly, gets
 * it when the first has left, over everything that is then held.
 */
#include <math.h>

#include "ring.h"

#define PPM 1000000

/* Flushes that one call draws one by one; a caller who missed more of them gets the mean. */
#define FLUSHES_AT_ONCE 64

/* The chance to be held longer than lm_mix_stay_us. */
#define STAY_TAIL 1e-6

static bool pool_valid(const struct lm_mix_params *params)
{
	return params->interval_us > 0 && params->threshold >= 1 && params->flush_ppm >= 1 &&
	       params->flush_ppm <= PPM && params->stay_ppm < PPM;
}

/* An item comes before a tick and leaves at it with the chance of a flush and of its coin. */
static uint64_t pool_stay_us(const struct lm_mix_params *params, uint32_t delay_us)
{
	double leaves = (double)params->flush_ppm * (PPM - params->stay_ppm) / PPM / PPM;
	double ticks = leaves < 1 ? ceil(log(STAY_TAIL) / log1p(-leaves)) : 1;
	uint64_t stay_us;

	(void)delay_us;
	return __builtin_mul_overflow((uint64_t)ticks, params->interval_us, &stay_us) ? UINT64_MAX
										      : stay_us;
}

/* Failures before the first success, for this logarithm of the chance to fail. */
static double draw_failures(struct lm_mix *mix, double log_fail)
{
	return floor(lm_prng_log_uniform(&mix->prng) / log_fail);
}

/* The next tick with a flush after this one. */
static uint64_t next_flush_us(struct lm_mix *mix, uint64_t tick_us)
{
	uint64_t ticks = 1 + (uint64_t)draw_failures(mix, mix->pool.log_idle), wait_us;

	if (__builtin_mul_overflow(ticks, mix->params.interval_us, &wait_us))
		return UINT64_MAX;
	return later(tick_us, wait_us);
}

static void pool_init(struct lm_mix *mix)
{
	struct pool *pool = &mix->pool;

	/* Minus infinity where the chance is 0: then there are no failures. */
	pool->log_stay = log((double)mix->params.stay_ppm / PPM);
	pool->log_idle = log1p(-(double)mix->params.flush_ppm / PPM);
	pool->flush_us = next_flush_us(mix, mix->now_us);
}

/* Passes over the coins that say "stay"; where they are the last, the flush is over. */
static void pass_coins(struct lm_mix *mix)
{
	struct pool *pool = &mix->pool;
	double staying = draw_failures(mix, pool->log_stay_now);

	if (staying < pool->undecided)
		pool->undecided -= (uint32_t)staying + 1;
	else
		pool->flushing = 0;
}

/* Begins a flush of everything that is held. */
static void flush(struct lm_mix *mix, double log_stay)
{
	struct pool *pool = &mix->pool;

	pool->log_stay_now = log_stay;
	pool->flushing = mix->held;
	pool->undecided = mix->held;
	pass_coins(mix);
}

/* Begins what was asked for, unless a flush is on: several at once are one with rarer stays. */
static void begin(struct lm_mix *mix)
{
	struct pool *pool = &mix->pool;
	double flushes;

	if (pool->flushing > 0)
		return;
	flushes = pool->flushes + (pool->added && mix->held > mix->params.threshold);
	pool->flushes = 0;
	pool->added = false;
	if (flushes > 0 && mix->held > 0)
		flush(mix, flushes * pool->log_stay);
}

/* Counts the flushes of all ticks until mix->now_us. */
static void see_ticks(struct lm_mix *mix)
{
	struct pool *pool = &mix->pool;
	uint64_t interval = mix->params.interval_us, ticks;

	for (unsigned i = 0; i < FLUSHES_AT_ONCE && pool->flush_us <= mix->now_us; i++) {
		pool->flushes++;
		pool->flush_us = next_flush_us(mix, pool->flush_us);
	}
	if (pool->flush_us > mix->now_us)
		return;
	ticks = (mix->now_us - pool->flush_us) / interval;
	pool->flushes += 1 + (double)ticks * mix->params.flush_ppm / PPM;
	pool->flush_us = next_flush_us(mix, pool->flush_us + ticks * interval);
}

/* What was held before the newcomers is flushed without them. */
static void pool_add(struct lm_mix *mix, const struct lm_mix_item *item, unsigned n)
{
	see_ticks(mix);
	begin(mix);
	ring_append(mix, item, n);
	mix->pool.added |= n > 0;
	if (mix->pool.draining)
		flush(mix, -INFINITY);
	begin(mix);
}

/* Takes up to n <= LM_BURST of the flush that is on. */
static unsigned leave(struct lm_mix *mix, struct lm_mix_item *item, unsigned n)
{
	struct pool *pool = &mix->pool;
	uint32_t among = pool->flushing;
	unsigned leaving = 0;

	while (leaving < n && pool->flushing > 0) {
		leaving++;
		pool->flushing--;
		pass_coins(mix);
	}
	ring_draw(mix, item, leaving, among);
	return leaving;
}

static unsigned pool_take(struct lm_mix *mix, struct lm_mix_item *item, unsigned max)
{
	unsigned taken = 0;

	see_ticks(mix);
	for (begin(mix); taken < max && mix->pool.flushing > 0; begin(mix)) {
		unsigned most = max - taken < LM_BURST ? max - taken : LM_BURST;

		taken += leave(mix, item + taken, most);
	}
	return taken;
}

static void pool_drain(struct lm_mix *mix)
{
	mix->pool.draining = true;
	flush(mix, -INFINITY);
}

static uint64_t pool_next_us(const struct lm_mix *mix)
{
	return mix->pool.flushing > 0 ? mix->now_us : mix->pool.flush_us;
}

const struct lm_mix_ops lm_mix_pool = {
	.name = "pool",
	.valid = pool_valid,
	.stay_us = pool_stay_us,
	.init = pool_init,
	.add = pool_add,
	.take = pool_take,
	.drain = pool_drain,
	.next_us = pool_next_us,
};
