/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The poisson strategy: each item stays for the delay that its sender drew (Danezis 2004; Loopix,
 * Piotrowska et al. 2017). A timing wheel holds the items by their due times.
 *
 * The wheel's clock stands at the first item that is due and not taken. A caller who adds and does
 * not take would leave it behind further than the wheel reaches: what has been due for longer than
 * BEHIND_MAX_US is moved, in the order in which it would leave, to a queue that is emptied first.
 */
#include "strategy.h"

/* What is held is due at most the longest delay after now. */
#define DELAY_MAX_US  (UINT64_C(276) * LM_MIX_MEAN_MAX_US / 10)
#define BEHIND_MAX_US (UINT64_C(1) << 28)
_Static_assert(BEHIND_MAX_US + DELAY_MAX_US <= WHEEL_SPAN, "the wheel reaches too short");

static bool poisson_valid(const struct lm_mix_params *params)
{
	return params->mean_delay_us >= 1 && params->mean_delay_us <= LM_MIX_MEAN_MAX_US;
}

static uint64_t poisson_stay_us(const struct lm_mix_params *params, uint32_t delay_us)
{
	uint32_t max_us = lm_mix_delay_max_us(params);

	return delay_us < max_us ? delay_us : max_us;
}

static void poisson_init(struct lm_mix *mix)
{
	mix->poisson.delay_max_us = lm_mix_delay_max_us(&mix->params);
	wheel_init(&mix->poisson.wheel, mix->memory, mix->capacity, mix->now_us);
}

/* ---- The queue of what is long overdue ---- */

#define QUEUE_ITEMS (CHUNK_PLACES - 1) /* in a chunk */

static void queue_push(struct lm_mix *mix, const struct lm_mix_item *item)
{
	struct queue *queue = &mix->poisson.late;
	struct wheel *wheel = &mix->poisson.wheel;
	uint32_t at = (queue->first + queue->count) % QUEUE_ITEMS;

	if (at == 0) {
		uint32_t index = wheel_alloc(wheel);

		if (queue->count > 0)
			wheel->chunk[queue->tail].next = index;
		else
			queue->head = index;
		queue->tail = index;
	}
	wheel->chunk[queue->tail].item[1 + at] = *item;
	queue->count++;
}

static struct lm_mix_item queue_pop(struct lm_mix *mix)
{
	struct queue *queue = &mix->poisson.late;
	union chunk *chunk = &mix->poisson.wheel.chunk[queue->head];
	struct lm_mix_item item = chunk->item[1 + queue->first];

	chunk->item[1 + queue->first++] = (struct lm_mix_item){0};
	queue->count--;
	if (queue->first == QUEUE_ITEMS || queue->count == 0) {
		uint32_t index = queue->head;

		queue->head = chunk->next;
		queue->first = 0;
		wheel_free(&mix->poisson.wheel, index);
	}
	return item;
}

static void fall_behind(struct lm_mix *mix)
{
	struct wheel *wheel = &mix->poisson.wheel;
	uint64_t until_us = mix->now_us - BEHIND_MAX_US;
	struct lm_mix_item item[LM_BURST];
	unsigned n;

	do {
		n = wheel_take(wheel, &mix->prng, item, LM_BURST, until_us);
		for (unsigned i = 0; i < n; i++)
			queue_push(mix, &item[i]);
	} while (n == LM_BURST || wheel_next_us(wheel) <= until_us);
	lm_wipe(item, sizeof(item));
}

/* ---- The strategy ---- */

/* When an item leaves that comes now. An evicted mix's clock may be ahead of now. */
static uint32_t due_us(const struct lm_mix *mix, uint32_t delay_us)
{
	uint64_t clock_us = mix->poisson.wheel.clock_us;
	uint32_t max_us = mix->poisson.delay_max_us;
	uint64_t due = later(mix->now_us, delay_us < max_us ? delay_us : max_us);

	return (uint32_t)(due > clock_us ? due : clock_us);
}

static void poisson_add(struct lm_mix *mix, const struct lm_mix_item *item, unsigned n)
{
	struct wheel *wheel = &mix->poisson.wheel;
	struct lm_mix_item timed[LM_BURST];

	if (mix->now_us > later(wheel->clock_us, BEHIND_MAX_US))
		fall_behind(mix);
	for (unsigned done = 0; done < n;) {
		unsigned step = n - done < LM_BURST ? n - done : LM_BURST;

		for (unsigned i = 0; i < step; i++) {
			timed[i] = item[done + i];
			timed[i].delay_us = due_us(mix, timed[i].delay_us);
		}
		wheel_put(wheel, &mix->prng, timed, step);
		lm_wipe(timed, step * sizeof(timed[0]));
		done += step;
	}
	mix->held += n;
	wheel_tidy(wheel, &mix->prng, n + LM_BURST);
}

static unsigned leave(struct lm_mix *mix, struct lm_mix_item *item, unsigned max, uint64_t until_us)
{
	struct wheel *wheel = &mix->poisson.wheel;
	unsigned n = 0;

	while (n < max && mix->poisson.late.count > 0)
		item[n++] = queue_pop(mix);
	n += wheel_take(wheel, &mix->prng, item + n, max - n, until_us);
	mix->held -= n;
	wheel_tidy(wheel, &mix->prng, n + LM_BURST);
	return n;
}

static unsigned poisson_take(struct lm_mix *mix, struct lm_mix_item *item, unsigned max)
{
	unsigned n = leave(mix, item, max, mix->poisson.draining ? UINT64_MAX : mix->now_us);

	for (unsigned i = 0; i < n; i++)
		item[i].delay_us = 0;
	return n;
}

static void poisson_drain(struct lm_mix *mix)
{
	mix->poisson.draining = true;
}

static unsigned poisson_evict(struct lm_mix *mix, struct lm_mix_item *item, unsigned max)
{
	unsigned late = mix->poisson.late.count < max ? mix->poisson.late.count : max;
	unsigned n = leave(mix, item, max, UINT64_MAX);

	for (unsigned i = 0; i < n; i++) {
		uint64_t due = i < late ? 0 : wheel_due_us(&mix->poisson.wheel, &item[i]);
		bool waits = due > mix->now_us && !mix->poisson.draining;

		item[i].delay_us = waits ? (uint32_t)(due - mix->now_us) : 0;
	}
	return n;
}

static uint64_t poisson_next_us(const struct lm_mix *mix)
{
	if (mix->poisson.draining || mix->poisson.late.count > 0)
		return mix->now_us;
	return wheel_next_us(&mix->poisson.wheel);
}

const struct lm_mix_ops lm_mix_poisson = {
	.name = "poisson",
	.valid = poisson_valid,
	.stay_us = poisson_stay_us,
	.init = poisson_init,
	.add = poisson_add,
	.take = poisson_take,
	.drain = poisson_drain,
	.evict = poisson_evict,
	.next_us = poisson_next_us,
};
