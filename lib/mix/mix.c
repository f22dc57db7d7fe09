/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is the same under every strategy: the table of strategies, capacity, time that never runs
 * backwards, and the random choice of whom a full mix refuses. Memory is the caller's; one thread.
 */
#include "strategy.h"

static const struct lm_mix_ops *const strategies[] = {
	[LM_MIX_BATCH] = &lm_mix_batch,
	[LM_MIX_POOL] = &lm_mix_pool,
	[LM_MIX_POISSON] = &lm_mix_poisson,
};

const char *lm_mix_strategy_name(enum lm_mix_strategy strategy)
{
	return (size_t)strategy < LM_COUNT(strategies) ? strategies[strategy]->name : NULL;
}

bool lm_mix_strategy_parse(enum lm_mix_strategy *strategy, const char *name)
{
	for (size_t i = 0; i < LM_COUNT(strategies); i++) {
		if (strcmp(strategies[i]->name, name) == 0) {
			*strategy = (enum lm_mix_strategy)i;
			return true;
		}
	}
	return false;
}

uint32_t lm_mix_delay_max_us(const struct lm_mix_params *params)
{
	if (params->strategy != LM_MIX_POISSON)
		return 0;
	return (uint32_t)((uint64_t)params->mean_delay_us * 276 / 10);
}

uint32_t lm_mix_draw_delay_us(const struct lm_mix_params *params, struct lm_prng *prng)
{
	uint32_t max_us = lm_mix_delay_max_us(params);
	uint64_t delay_us;

	if (max_us == 0)
		return 0;
	delay_us = lm_prng_exponential_us(prng, params->mean_delay_us);
	return delay_us < max_us ? (uint32_t)delay_us : max_us;
}

uint64_t lm_mix_stay_us(const struct lm_mix_params *params, uint32_t delay_us)
{
	return strategies[params->strategy]->stay_us(params, delay_us);
}

/* The same for every strategy: what the larger of ring and wheel takes. */
size_t lm_mix_size(uint32_t capacity)
{
	size_t ring = (size_t)capacity * sizeof(struct lm_mix_item);
	size_t chunks = (size_t)wheel_chunks(capacity) * sizeof(union chunk);

	return sizeof(struct lm_mix) + (ring > chunks ? ring : chunks);
}

struct lm_mix *lm_mix_init(void *memory, uint32_t capacity, const struct lm_mix_params *params,
			   const uint8_t seed[32], uint64_t now_us)
{
	struct lm_mix *mix = memory;

	LM_ASSERT((uintptr_t)memory % LM_MIX_ALIGN == 0);
	LM_ASSERT(capacity >= 1 && capacity <= UINT32_C(1) << 31);
	LM_ASSERT((size_t)params->strategy < LM_COUNT(strategies));
	memset(mix, 0, sizeof(*mix));
	mix->ops = strategies[params->strategy];
	LM_ASSERT(mix->ops->valid(params));
	mix->params = *params;
	mix->capacity = capacity;
	mix->now_us = now_us;
	lm_prng_init(&mix->prng, seed);
	mix->ops->init(mix);
	return mix;
}

static void see_time(struct lm_mix *mix, uint64_t now_us)
{
	LM_ASSERT(now_us >= mix->now_us);
	mix->now_us = now_us;
}

/* Moves a uniformly random choice of `room` items to the front: the start of a Fisher-Yates. */
static void choose(struct lm_mix *mix, struct lm_mix_item *item, unsigned n, unsigned room)
{
	for (unsigned i = 0; i < room; i++) {
		unsigned j = i + lm_prng_below(&mix->prng, n - i);
		struct lm_mix_item chosen = item[j];

		item[j] = item[i];
		item[i] = chosen;
	}
}

unsigned lm_mix_add(struct lm_mix *mix, struct lm_mix_item *item, unsigned n, uint64_t now_us)
{
	uint32_t room = mix->capacity - mix->held;

	see_time(mix, now_us);
	if (n > room) {
		choose(mix, item, n, room);
		n = room;
	}
	mix->ops->add(mix, item, n);
	return n;
}

unsigned lm_mix_take(struct lm_mix *mix, struct lm_mix_item *item, unsigned max, uint64_t now_us)
{
	see_time(mix, now_us);
	return mix->ops->take(mix, item, max);
}

uint32_t lm_mix_wanted(struct lm_mix *mix, uint64_t now_us)
{
	see_time(mix, now_us);
	return mix->ops->wanted ? mix->ops->wanted(mix) : 0;
}

void lm_mix_drain(struct lm_mix *mix)
{
	mix->ops->drain(mix);
}

unsigned lm_mix_evict(struct lm_mix *mix, struct lm_mix_item *item, unsigned max, uint64_t now_us)
{
	unsigned n;

	see_time(mix, now_us);
	if (mix->ops->evict)
		return mix->ops->evict(mix, item, max);
	mix->ops->drain(mix);
	n = mix->ops->take(mix, item, max);
	for (unsigned i = 0; i < n; i++)
		item[i].delay_us = 0;
	return n;
}

uint32_t lm_mix_held(const struct lm_mix *mix)
{
	return mix->held;
}

uint64_t lm_mix_closed_us(const struct lm_mix *mix)
{
	return mix->params.strategy == LM_MIX_BATCH ? mix->batch.batch_start_us : mix->now_us;
}

uint64_t lm_mix_next_us(const struct lm_mix *mix)
{
	uint64_t due_us = mix->held > 0 ? mix->ops->next_us(mix) : UINT64_MAX;

	return due_us > mix->now_us ? due_us : mix->now_us;
}
