/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mixing strategies: what is added leaves later, in an order that tells nothing of the order in
 * which it came (Serjantov, Dingledine & Syverson 2002 for batches and pools; Piotrowska et al.
 * 2017 for Poisson mixing).
 *
 * A mix owns its items from lm_mix_add until lm_mix_take; it never touches what `packet` points to.
 * One thread uses a mix. Time comes from the caller in microseconds and never runs backwards, but
 * may stand still and jump.
 *
 * Nothing here allocates; every call is linear in the items it adds or takes, however many are
 * held.
 */
#pragma once

#include "lm_base.h"

/* 16 bytes, so that mixing touches no packet memory. */
struct lm_mix_item {
	void *packet;
	uint32_t delay_us; /* the delay that the packet's sender drew; poisson only */
	uint16_t from;     /* link that it came by; LM_MIX_OWN: own cover */
	uint16_t to;       /* link that it leaves by; 0: it ends here */
};

/* `from` of own cover: it counts towards min_batch and never towards min_neighbours. */
#define LM_MIX_OWN UINT16_MAX

enum lm_mix_strategy { LM_MIX_BATCH, LM_MIX_POOL, LM_MIX_POISSON };

/* "batch", "pool", "poisson"; NULL if there is none. _parse is false for an unknown name. */
const char *lm_mix_strategy_name(enum lm_mix_strategy strategy);
LM_MUST_CHECK bool lm_mix_strategy_parse(enum lm_mix_strategy *strategy, const char *name);

struct lm_mix_params {
	enum lm_mix_strategy strategy;
	/*
	 * batch: what came in one interval leaves in the next, spread evenly over it, in uniformly
	 * random order. At the end of an interval with fewer than min_batch items collected, or
	 * items of fewer than min_neighbours links, the batch waits another interval. At the last
	 * end at which the oldest has waited no longer than max_wait_us the neighbours no longer
	 * count, and lm_mix_wanted asks for own cover up to min_batch: the batch leaves when that
	 * has come, spread over one interval from then on, and until then it waits on: nothing
	 * leaves in a smaller batch. A min_batch above the capacity counts as the capacity.
	 *
	 * pool: interval_us is the tick. A call that adds and leaves more than `threshold` items
	 * held begins a flush; each tick begins one with probability flush_ppm / 10^6 (lambda), of
	 * what came before it. In a flush each item stays back with probability stay_ppm / 10^6,
	 * independently (the binomial mix of Diaz & Serjantov 2003); the others are due at once, in
	 * uniformly random order. While some of these have not been taken no other flush begins:
	 * it waits for them, and is then of everything held.
	 *
	 * poisson: each item leaves when its own delay_us has passed since it was added, with
	 * microsecond ticks. What is overdue leaves in the order in which it was due, items that
	 * are due in the same microsecond in uniformly random order. Delays above
	 * lm_mix_delay_max_us are cut to it. An item comes back without its delay: delay_us is 0.
	 */
	uint64_t interval_us;    /* batch, pool; > 0 */
	uint64_t max_wait_us;    /* batch; >= interval_us */
	uint32_t min_batch;      /* batch; >= 1 */
	uint32_t min_neighbours; /* batch; 0: own cover alone may leave */
	uint32_t threshold;      /* pool; >= 1 */
	uint32_t flush_ppm;      /* pool; 1 .. 10^6 */
	uint32_t stay_ppm;       /* pool; 0 .. 999999 */
	uint32_t mean_delay_us;  /* poisson; 1 .. LM_MIX_MEAN_MAX_US */
};

/* So that 27.6 times it, the longest delay, is far below 2^31. */
#define LM_MIX_MEAN_MAX_US 60000000

/* poisson: 27.6 * mean_delay_us, the 1 - 10^-12 quantile of the exponential. Else 0. */
uint32_t lm_mix_delay_max_us(const struct lm_mix_params *params);

/*
 * A delay for a packet that a mix of this kind will hold: poisson: exponential with the mean
 * mean_delay_us, to the nearest microsecond, cut to lm_mix_delay_max_us. Else 0. For who sends: its
 * time depends on what it draws.
 */
uint32_t lm_mix_draw_delay_us(const struct lm_mix_params *params, struct lm_prng *prng);

/*
 * The longest that an item with this delay stays if all that is due is taken and own cover comes
 * when it is wanted: batch: two intervals and max_wait_us; poisson: the delay; pool: the 1 - 10^-6
 * quantile, with flushes by ticks alone. Saturates.
 */
uint64_t lm_mix_stay_us(const struct lm_mix_params *params, uint32_t delay_us);

struct lm_mix;

#define LM_MIX_ALIGN 64

/*
 * Bytes for a mix that holds up to `capacity` items, 1 <= capacity <= 2^31: at most 30 for each and
 * 0.9 MB. The memory need not be cleared.
 */
size_t lm_mix_size(uint32_t capacity);

/* Makes an empty mix. The seed is for its generator and is wiped by the caller. */
struct lm_mix *lm_mix_init(void *memory, uint32_t capacity, const struct lm_mix_params *params,
			   const uint8_t seed[32], uint64_t now_us);

/*
 * Takes n items to hold. Returns how many it took: fewer only when the mix is full. Which of a
 * burst are refused is drawn at random: the refused items stand at item[taken .. n) afterwards.
 */
LM_MUST_CHECK unsigned lm_mix_add(struct lm_mix *mix, struct lm_mix_item *item, unsigned n,
				  uint64_t now_us);

/*
 * Gives back up to max items that are due, in the order in which they must leave. Where tens of
 * thousands fall due in one millisecond, or in a jump of the clock, a poisson mix that has not been
 * drained may first give less than is due, even nothing: there is more as long as lm_mix_next_us is
 * not after now_us.
 */
LM_MUST_CHECK unsigned lm_mix_take(struct lm_mix *mix, struct lm_mix_item *item, unsigned max,
				   uint64_t now_us);

/*
 * How many items of own cover (from LM_MIX_OWN) the mix waits for at now_us: ask after _take, give
 * them by _add. 0 but for a batch that is too small and has waited its longest. There is room for
 * that many.
 */
LM_MUST_CHECK uint32_t lm_mix_wanted(struct lm_mix *mix, uint64_t now_us);

/* From now on everything held is due at once, still in mixed order. */
void lm_mix_drain(struct lm_mix *mix);

/*
 * Takes up to max items whether due or not, each with the delay that it still had to stay (poisson;
 * else 0) in delay_us: for handing over to another mix. 0 when empty. The order tells nothing of
 * the one in which they came: uniformly random, for poisson that of the delays, random where they
 * are equal. Batch and pool: what is left is drained. Poisson: what is left stays as it is, and
 * what is added after that is not due before what has been evicted.
 */
LM_MUST_CHECK unsigned lm_mix_evict(struct lm_mix *mix, struct lm_mix_item *item, unsigned max,
				    uint64_t now_us);

uint32_t lm_mix_held(const struct lm_mix *mix);

/*
 * batch: when the batch that leaves was closed: all that lm_mix_take gave last had come by then,
 * and what came later waits for another. Else the latest time that the mix has seen. For who
 * measures what a mix hides.
 */
uint64_t lm_mix_closed_us(const struct lm_mix *mix);

/*
 * The next time at which anything happens if nothing is added, not before the latest time that the
 * mix has seen; UINT64_MAX if never. Before it lm_mix_take gives nothing. At it lm_mix_take has
 * something to give, but for these: a flush of a pool in which every coin says "stay", and a batch
 * for which lm_mix_wanted begins to ask.
 */
uint64_t lm_mix_next_us(const struct lm_mix *mix);
