/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ring of batch and pool: items are appended at its end and drawn at random from its first
 * segment. This is a Fisher-Yates shuffle done one step at a time: the next to leave is drawn among
 * all that still wait, so no single call shuffles everything.
 *
 * The order is secret. The positions drawn for a burst are wiped, and so is the slot that an item
 * leaves. That a position indexes memory is one of the design's two exceptions to constant time:
 * each is used once.
 */
#pragma once

#include "strategy.h"

/* The slot `offset` behind the head; offset < capacity. */
static inline struct lm_mix_item *ring_slot(struct lm_mix *mix, uint32_t offset)
{
	struct lm_mix_item *ring = (struct lm_mix_item *)mix->memory;
	uint32_t left = mix->capacity - mix->head; /* up to the ring's end, at least 1 */

	return ring + (offset < left ? mix->head + offset : offset - left);
}

/* Puts n items behind those that are held. */
static inline void ring_append(struct lm_mix *mix, const struct lm_mix_item *item, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		*ring_slot(mix, mix->held + i) = item[i];
	mix->held += n;
}

/* Draws n of the first `among` items, n <= LM_BURST; the item at the head fills each gap. */
static inline void ring_draw(struct lm_mix *mix, struct lm_mix_item *item, unsigned n,
			     uint32_t among)
{
	struct lm_mix_item *slot[LM_BURST];

	/* A draw does not depend on the moves before it: fetch all lines first. */
	for (unsigned i = 0; i < n; i++) {
		slot[i] = ring_slot(mix, i + lm_prng_below(&mix->prng, among - i));
		__builtin_prefetch(slot[i], 1);
	}
	for (unsigned i = 0; i < n; i++) {
		struct lm_mix_item *head = ring_slot(mix, 0);

		item[i] = *slot[i];
		*slot[i] = *head;
		*head = (struct lm_mix_item){0};
		mix->head = mix->capacity - mix->head > 1 ? mix->head + 1 : 0;
	}
	mix->held -= n;
	lm_wipe(slot, n * sizeof(slot[0]));
}
