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
#include "wheel.h"

struct lm_mix_ops {
	const char *name;
	/* Whether the fields that this strategy reads are in their ranges. */
	bool (*valid)(const struct lm_mix_params *params);
	uint64_t (*stay_us)(const struct lm_mix_params *params, uint32_t delay_us);
	void (*init)(struct lm_mix *mix);
	/* Takes n items at mix->now_us, for which there is room, and raises `held`. */
	void (*add)(struct lm_mix *mix, const struct lm_mix_item *item, unsigned n);
	/* Gives up to max items that are due at mix->now_us, and lowers `held`. */
	unsigned (*take)(struct lm_mix *mix, struct lm_mix_item *item, unsigned max);
	/* NULL: this strategy never waits for own cover. */
	uint32_t (*wanted)(struct lm_mix *mix);
	void (*drain)(struct lm_mix *mix);
	/* NULL: draining and taking do it. */
	unsigned (*evict)(struct lm_mix *mix, struct lm_mix_item *item, unsigned max);
	/* Asked only when something is held; may lie in the past. */
	uint64_t (*next_us)(const struct lm_mix *mix);
};

extern const struct lm_mix_ops lm_mix_batch, lm_mix_pool, lm_mix_poisson;

/* The ring's first segment is the batch that leaves, behind it is what is being collected. */
struct batch {
	uint32_t leaving;        /* items of the batch that still wait */
	uint32_t batch;          /* items that it had at its start */
	uint32_t collecting;     /* items behind them */
	uint32_t neighbours;     /* links that they came by, counted up to min_neighbours */
	uint64_t batch_start_us; /* start of the interval over which it leaves */
	uint64_t end_us;         /* end of the interval that now is */
	uint64_t oldest_us;      /* when the first of `collecting` came */
	bool overdue;            /* it has waited its longest: only min_batch keeps it */
	bool draining;
	uint64_t seen[(UINT16_MAX + 1) / 64]; /* by `from`; all zero when neighbours is */
};

/* The ring's first segment is what a flush has begun to choose from, behind it is the rest. */
struct pool {
	uint32_t flushing;   /* items of a flush that have not left; 0: there is no flush */
	uint32_t undecided;  /* of them, those for which no coin has been drawn */
	double log_stay;     /* logarithm of the chance to stay back in one flush */
	double log_stay_now; /* the same for the flush that is on, which may stand for several */
	double log_idle;     /* logarithm of the chance that a tick brings no flush */
	double flushes;      /* that ticks asked for and that have not begun */
	uint64_t flush_us;   /* the next tick with a flush */
	bool added;          /* since the number held was last compared with the threshold */
	bool draining;
};

/* First come, first gone; in chunks of the wheel. */
struct queue {
	uint32_t head, tail; /* chunks */
	uint32_t first;      /* place of the first item in the head */
	uint32_t count;
};

struct poisson {
	struct wheel wheel;
	struct queue late;
	uint32_t delay_max_us;
	bool draining;
};

struct lm_mix {
	const struct lm_mix_ops *ops;
	struct lm_mix_params params;
	uint64_t now_us; /* the latest time that the caller named */
	uint32_t capacity;
	uint32_t held;
	uint32_t head; /* batch, pool: where the ring starts */
	struct lm_prng prng;
	union {
		struct batch batch;
		struct pool pool;
		struct poisson poisson;
	};
	/* batch, pool: `capacity` items, a ring; poisson: chunks */
	union chunk memory[] LM_CACHE_ALIGNED;
};

/* a + b, or the last microsecond that there is. */
static inline uint64_t later(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}
