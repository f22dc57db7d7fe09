/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the strategies share: the mix itself and the table row that each of them fills, one file a
 * strategy. mix.c looks after capacity, time and refusals; a strategy decides what leaves when.
 *
 * The generator's state and the order of the items are secret: who knows them links what comes in
 * with what goes out.
 */
#pragma once

#include "lm_mix.h"

struct lm_mix;

struct lm_mix_ops {
	const char *name;
	void (*init)(struct lm_mix *mix);
	/* Takes n items at mix->now_us; there is room for them, and `held` is not yet raised. */
	void (*add)(struct lm_mix *mix, const struct lm_mix_item *item, unsigned n);
	/* Gives up to max items that are due at mix->now_us; `held` is lowered by the caller. */
	unsigned (*take)(struct lm_mix *mix, struct lm_mix_item *item, unsigned max);
	void (*drain)(struct lm_mix *mix);
	/* Asked only when something is held; may lie in the past. */
	uint64_t (*next_us)(const struct lm_mix *mix);
};

extern const struct lm_mix_ops lm_mix_batch;

/*
 * Batch: one ring with two segments, first the batch that leaves, then what is being collected.
 * Intervals lie on one grid, from the time at which the mix was made.
 */
struct batch {
	uint32_t head;           /* index of the first leaving item */
	uint32_t leaving;        /* items of the batch that still wait */
	uint32_t batch;          /* items that it had at its start */
	uint32_t collecting;     /* items behind them */
	uint64_t batch_start_us; /* start of the interval over which it leaves */
	uint64_t end_us;         /* end of the interval that now is */
	uint64_t oldest_us;      /* when the first of `collecting` came */
	bool draining;
};

struct lm_mix {
	const struct lm_mix_ops *ops;
	struct lm_mix_params params;
	struct lm_prng prng;
	uint64_t now_us; /* the latest time that the caller named */
	uint32_t capacity;
	uint32_t held;
	struct batch batch;
	struct lm_mix_item item[] LM_CACHE_ALIGNED;
};
