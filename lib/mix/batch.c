/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The batch strategy: what came in one interval leaves in the next, in uniformly random order,
 * evenly over the interval (a timed mix with a threshold: Serjantov, Dingledine & Syverson 2002).
 *
 * The order is a Fisher-Yates shuffle done one step at a time: the next to leave is drawn among all
 * of the batch that still wait, so no single call shuffles a whole batch. Item k of a batch of n
 * leaves k/n of the interval after its start: the pace tells how many came, as any batch mix does,
 * and nothing else.
 *
 * An interval's end is noticed at the next call, however late. Items of the old batch that nobody
 * took until then leave with the new one and are shuffled again.
 *
 * The order is secret. The positions drawn for a burst are wiped, and so is the slot that an item
 * leaves. That a position indexes memory is one of the design's two exceptions to constant time:
 * each is used once.
 */
#include "strategy.h"

static void batch_init(struct lm_mix *mix)
{
	mix->batch.end_us = mix->now_us + mix->params.interval_us;
}

/* The index of the ring slot `offset` behind the head; offset < capacity. */
static uint32_t slot(const struct lm_mix *mix, uint32_t offset)
{
	uint32_t left = mix->capacity - mix->batch.head; /* up to the ring's end, at least 1 */

	return offset < left ? mix->batch.head + offset : offset - left;
}

/*
 * The interval's end at which what is collected starts to leave: the coming one with min_batch
 * items, otherwise the last one at which the oldest has waited at most max_wait_us. There is always
 * one: max_wait_us >= interval_us, so the first end is not too late, and the last was not let pass.
 */
static uint64_t release_us(const struct lm_mix *mix)
{
	const struct batch *batch = &mix->batch;
	uint64_t interval = mix->params.interval_us;
	uint64_t spare = mix->params.max_wait_us - (batch->end_us - batch->oldest_us);
	uint64_t at_us;

	if (batch->collecting >= mix->params.min_batch)
		return batch->end_us;
	if (__builtin_add_overflow(batch->end_us, spare / interval * interval, &at_us))
		return UINT64_MAX;
	return at_us;
}

/* What is collected joins what leaves, which starts anew as one batch. */
static void release(struct batch *batch, uint64_t start_us)
{
	batch->leaving += batch->collecting;
	batch->collecting = 0;
	batch->batch = batch->leaving;
	batch->batch_start_us = start_us;
}

/* Brings the state to mix->now_us, over any number of intervals at once. */
static void advance(struct lm_mix *mix)
{
	struct batch *batch = &mix->batch;
	uint64_t interval = mix->params.interval_us;

	if (mix->now_us < batch->end_us)
		return;
	if (batch->collecting > 0) {
		uint64_t start_us = release_us(mix);

		if (start_us <= mix->now_us)
			release(batch, start_us);
	}
	batch->end_us += ((mix->now_us - batch->end_us) / interval + 1) * interval;
}

/*
 * How many of the batch may have left by the end of this microsecond: everything inside the
 * interval, the first at its start.
 */
static uint32_t due(const struct lm_mix *mix)
{
	const struct batch *batch = &mix->batch;
	uint64_t passed = mix->now_us - batch->batch_start_us;
	uint64_t interval = mix->params.interval_us;

	if (batch->draining || passed >= interval)
		return batch->batch;
	return (uint32_t)(((unsigned __int128)batch->batch * (passed + 1) + interval - 1) /
			  interval);
}

static void batch_add(struct lm_mix *mix, const struct lm_mix_item *item, unsigned n)
{
	struct batch *batch = &mix->batch;

	advance(mix);
	if (batch->collecting == 0)
		batch->oldest_us = mix->now_us;
	for (unsigned i = 0; i < n; i++)
		mix->item[slot(mix, batch->leaving + batch->collecting++)] = item[i];
	if (batch->draining)
		release(batch, mix->now_us);
}

/* Draws n <= LM_BURST of the waiting items; the item at the head fills each gap. */
static void leave(struct lm_mix *mix, struct lm_mix_item *item, unsigned n)
{
	struct batch *batch = &mix->batch;
	uint32_t position[LM_BURST];

	/* A draw does not depend on the swaps before it: fetch all lines first. */
	for (unsigned i = 0; i < n; i++) {
		position[i] = slot(mix, i + lm_prng_below(&mix->prng, batch->leaving - i));
		__builtin_prefetch(&mix->item[position[i]], 1);
	}
	for (unsigned i = 0; i < n; i++) {
		struct lm_mix_item *head = &mix->item[batch->head];

		item[i] = mix->item[position[i]];
		mix->item[position[i]] = *head;
		*head = (struct lm_mix_item){0};
		batch->head = slot(mix, 1);
	}
	batch->leaving -= n;
	lm_wipe(position, sizeof(position));
}

static unsigned batch_take(struct lm_mix *mix, struct lm_mix_item *item, unsigned max)
{
	struct batch *batch = &mix->batch;
	uint32_t ready;

	advance(mix);
	if (batch->leaving == 0)
		return 0;
	ready = due(mix) - (batch->batch - batch->leaving);
	if (ready > max)
		ready = max;
	for (uint32_t done = 0; done < ready;) {
		unsigned step = ready - done < LM_BURST ? ready - done : LM_BURST;

		leave(mix, item + done, step);
		done += step;
	}
	return ready;
}

static void batch_drain(struct lm_mix *mix)
{
	mix->batch.draining = true;
	release(&mix->batch, mix->now_us);
}

/* Item k leaves floor(k * interval / n) after the start: the first microsecond with due() > k. */
static uint64_t batch_next_us(const struct lm_mix *mix)
{
	const struct batch *batch = &mix->batch;

	if (batch->draining)
		return mix->now_us;
	if (batch->leaving == 0)
		return release_us(mix);
	return batch->batch_start_us +
	       (uint64_t)((unsigned __int128)(batch->batch - batch->leaving) *
			  mix->params.interval_us / batch->batch);
}

const struct lm_mix_ops lm_mix_batch = {
	.name = "batch",
	.init = batch_init,
	.add = batch_add,
	.take = batch_take,
	.drain = batch_drain,
	.next_us = batch_next_us,
};
