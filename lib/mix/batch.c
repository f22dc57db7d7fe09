/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The batch strategy: what came in one interval leaves in the next, in uniformly random order,
 * evenly over the interval (a timed mix with a threshold: Serjantov, Dingledine & Syverson 2002).
 *
 * Item k of a batch of n leaves k/n of the interval after its start: the pace tells how many came,
 * as any batch mix does, and nothing else.
 *
 * Intervals lie on one grid, from the time at which the mix was made. A batch that is too small
 * waits at the end of an interval, and from the last end that its oldest item may wait for it asks
 * for own cover. When that has come it leaves from this moment on, over the length of an interval.
 *
 * An interval's end is noticed at the next call, however late. Items of the old batch that nobody
 * took until then leave with the new one and are shuffled again.
 */
#include "ring.h"

static bool batch_valid(const struct lm_mix_params *params)
{
	return params->interval_us > 0 && params->min_batch >= 1 &&
	       params->max_wait_us >= params->interval_us;
}

/* The oldest leaves in an interval that starts max_wait_us after it came, or joins the next. */
static uint64_t batch_stay_us(const struct lm_mix_params *params, uint32_t delay_us)
{
	(void)delay_us;
	return later(params->max_wait_us, later(params->interval_us, params->interval_us));
}

static void batch_init(struct lm_mix *mix)
{
	/* A full mix can wait for nobody. */
	if (mix->params.min_batch > mix->capacity)
		mix->params.min_batch = mix->capacity;
	mix->batch.end_us = later(mix->now_us, mix->params.interval_us);
}

/* Whether what is collected may leave at the end of any interval. */
static bool complete(const struct lm_mix *mix)
{
	return mix->batch.collecting >= mix->params.min_batch &&
	       mix->batch.neighbours >= mix->params.min_neighbours;
}

/*
 * The last interval's end for which the oldest may wait. There is one that is not before end_us:
 * max_wait_us >= interval_us, so the first end is not too late, and at the last, once it is past,
 * the batch has left or is overdue.
 */
static uint64_t last_end_us(const struct lm_mix *mix)
{
	const struct batch *batch = &mix->batch;
	uint64_t interval = mix->params.interval_us;
	uint64_t spare = mix->params.max_wait_us - (batch->end_us - batch->oldest_us);

	return later(batch->end_us, spare / interval * interval);
}

static void forget_neighbours(struct batch *batch)
{
	if (batch->neighbours > 0)
		memset(batch->seen, 0, sizeof(batch->seen));
	batch->neighbours = 0;
}

/* Counts on until there are enough: what comes after that costs nothing. */
static void see_neighbours(struct lm_mix *mix, const struct lm_mix_item *item, unsigned n)
{
	struct batch *batch = &mix->batch;

	for (unsigned i = 0; i < n && batch->neighbours < mix->params.min_neighbours; i++) {
		uint64_t *word = &batch->seen[item[i].from / 64];
		uint64_t bit = UINT64_C(1) << item[i].from % 64;

		if (item[i].from == LM_MIX_OWN || *word & bit)
			continue;
		*word |= bit;
		batch->neighbours++;
	}
}

/* What is collected joins what leaves, which starts anew as one batch. */
static void release(struct batch *batch, uint64_t start_us)
{
	batch->leaving += batch->collecting;
	batch->collecting = 0;
	batch->batch = batch->leaving;
	batch->batch_start_us = start_us;
	batch->overdue = false;
	forget_neighbours(batch);
}

/* Brings the state to mix->now_us, over any number of intervals at once. */
static void advance(struct lm_mix *mix)
{
	struct batch *batch = &mix->batch;
	uint64_t interval = mix->params.interval_us, last_us;

	if (mix->now_us < batch->end_us)
		return;
	if (batch->collecting > 0 && !batch->overdue) {
		last_us = last_end_us(mix);
		if (complete(mix))
			release(batch, batch->end_us);
		else if (last_us <= mix->now_us && batch->collecting >= mix->params.min_batch)
			release(batch, last_us);
		else
			batch->overdue = last_us <= mix->now_us;
	}
	batch->end_us += (mix->now_us - batch->end_us) / interval * interval;
	batch->end_us = later(batch->end_us, interval);
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
	see_neighbours(mix, item, n);
	ring_append(mix, item, n);
	batch->collecting += n;
	if (batch->draining || (batch->overdue && batch->collecting >= mix->params.min_batch))
		release(batch, mix->now_us);
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

		ring_draw(mix, item + done, step, batch->leaving);
		batch->leaving -= step;
		done += step;
	}
	return ready;
}

static uint32_t batch_wanted(struct lm_mix *mix)
{
	const struct batch *batch = &mix->batch;
	uint32_t missing, room = mix->capacity - mix->held;

	advance(mix);
	if (!batch->overdue)
		return 0;
	missing = mix->params.min_batch - batch->collecting;
	return missing < room ? missing : room;
}

static void batch_drain(struct lm_mix *mix)
{
	mix->batch.draining = true;
	release(&mix->batch, mix->now_us);
}

/* When what is collected begins to leave, or to ask for cover. */
static uint64_t turn_us(const struct lm_mix *mix)
{
	if (mix->batch.collecting == 0 || mix->batch.overdue)
		return UINT64_MAX;
	return complete(mix) ? mix->batch.end_us : last_end_us(mix);
}

/*
 * Item k leaves floor(k * interval / n) after the start: the first microsecond with due() > k. A
 * batch that started off the grid may be overtaken by the next one, which begins with its start.
 */
static uint64_t batch_next_us(const struct lm_mix *mix)
{
	const struct batch *batch = &mix->batch;
	uint64_t turn = turn_us(mix), next_us;

	if (batch->draining)
		return mix->now_us;
	if (batch->leaving == 0)
		return turn;
	next_us = batch->batch_start_us +
		  (uint64_t)((unsigned __int128)(batch->batch - batch->leaving) *
			     mix->params.interval_us / batch->batch);
	return next_us < turn ? next_us : turn;
}

const struct lm_mix_ops lm_mix_batch = {
	.name = "batch",
	.valid = batch_valid,
	.stay_us = batch_stay_us,
	.init = batch_init,
	.add = batch_add,
	.take = batch_take,
	.wanted = batch_wanted,
	.drain = batch_drain,
	.next_us = batch_next_us,
};
