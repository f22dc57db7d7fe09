/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mixing strategies: what is added leaves later, in an order that tells nothing of the order in
 * which it came (Serjantov, Dingledine & Syverson 2002 for batches and pools; Piotrowska et al.
 * 2017 for Poisson mixing).
 *
 * A mix owns its items from lm_mix_add until lm_mix_take; it never touches what `packet` points to.
 * One thread uses a mix. Time comes from the caller in microseconds and never runs backwards.
 * Nothing here allocates; every call is linear in the items it adds or takes.
 */
#pragma once

#include "lm_base.h"

/* 16 bytes, so that mixing touches no packet memory. */
struct lm_mix_item {
	void *packet;
	uint32_t delay_us;  /* the delay that the packet's sender drew; poisson only */
	uint32_t neighbour; /* node id of the next hop; 0: it ends here */
};

enum lm_mix_strategy { LM_MIX_BATCH };

/* "batch"; NULL if there is none. _parse is false for an unknown name. */
const char *lm_mix_strategy_name(enum lm_mix_strategy strategy);
LM_MUST_CHECK bool lm_mix_strategy_parse(enum lm_mix_strategy *strategy, const char *name);

struct lm_mix_params {
	enum lm_mix_strategy strategy;
	/*
	 * batch: what came in one interval leaves in the next, spread evenly over it, in uniformly
	 * random order. At the end of an interval with fewer than min_batch items held the batch
	 * waits another interval, but no item waits longer than max_wait_us for company.
	 */
	uint64_t interval_us; /* > 0 */
	uint32_t min_batch;   /* >= 1 */
	uint64_t max_wait_us; /* >= interval_us */
};

struct lm_mix;

#define LM_MIX_ALIGN 64

/* Bytes for a mix that holds up to `capacity` items; 1 <= capacity <= 2^31. */
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

/* Gives back up to max items that are due, in the order in which they must leave. */
LM_MUST_CHECK unsigned lm_mix_take(struct lm_mix *mix, struct lm_mix_item *item, unsigned max,
				   uint64_t now_us);

/* From now on everything held is due at once, still in mixed order. */
void lm_mix_drain(struct lm_mix *mix);

uint32_t lm_mix_held(const struct lm_mix *mix);

/* The time at which lm_mix_take has something to give, if nothing is added; UINT64_MAX if never. */
uint64_t lm_mix_next_us(const struct lm_mix *mix);
