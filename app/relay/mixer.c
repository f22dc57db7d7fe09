/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See mixer.h. Bounds: a step takes and gives at most one burst for each worker. A worker's ring
 * that is full holds the mixer back, so that nothing is lost between them; a full sink loses what
 * is for it.
 */
#include "mixer.h"

#include <rte_mbuf.h>

static void drop(struct mixer *mixer, struct rte_mbuf *mbuf, enum lm_drop reason)
{
	count_add(&mixer->count.drop[reason], 1);
	rte_pktmbuf_free(mbuf);
}

static unsigned take_from_worker(struct mixer *mixer, const struct worker *worker, uint64_t now_us)
{
	struct lm_mix_item item[LM_BURST];
	unsigned n = rte_ring_sc_dequeue_burst_elem(worker->to_mixer, item, sizeof(*item), LM_BURST,
						    NULL);
	unsigned taken = n > 0 ? lm_mix_add(mixer->mix, item, n, now_us) : 0;

	for (unsigned i = taken; i < n; i++)
		drop(mixer, item[i].packet, LM_DROP_POOL_FULL);
	return n;
}

/*
 * The least room in any worker's ring: that many can be given whichever workers are drawn. While
 * draining the sink's ring counts too: nothing new comes, so there is time to lose nothing.
 */
static unsigned room_to_give(const struct mixer *mixer)
{
	unsigned room = mixer->draining ? rte_ring_free_count(mixer->to_sink) : LM_BURST;

	room = room < LM_BURST ? room : LM_BURST;
	for (unsigned i = 0; i < mixer->workers; i++) {
		unsigned free = rte_ring_free_count(mixer->worker[i]->from_mixer);

		room = free < room ? free : room;
	}
	return room;
}

static void give(struct mixer *mixer, const struct lm_mix_item *item)
{
	if (item->to == 0) {
		if (rte_ring_enqueue(mixer->to_sink, item->packet) != 0)
			drop(mixer, item->packet, LM_DROP_SINK_FULL);
		return;
	}

	unsigned drawn = lm_prng_below(&mixer->prng, mixer->workers);

	LM_ASSERT(rte_ring_sp_enqueue_elem(mixer->worker[drawn]->from_mixer,
					   (void *)(uintptr_t)item, sizeof(*item)) == 0);
}

static unsigned give_due(struct mixer *mixer, uint64_t now_us)
{
	struct lm_mix_item item[LM_BURST];
	unsigned room = room_to_give(mixer);
	unsigned n = room > 0 ? lm_mix_take(mixer->mix, item, room, now_us) : 0;

	for (unsigned i = 0; i < n; i++)
		give(mixer, &item[i]);
	return n;
}

unsigned mixer_step(void *context, uint64_t now_us)
{
	struct mixer *mixer = context;
	unsigned moved = 0;

	if (!mixer->draining &&
	    __atomic_load_n(&mixer->shared->phase, __ATOMIC_RELAXED) >= PHASE_DRAIN) {
		lm_mix_drain(mixer->mix);
		mixer->draining = true;
	}
	for (unsigned i = 0; i < mixer->workers; i++)
		moved += take_from_worker(mixer, mixer->worker[i], now_us);
	for (unsigned i = 0; i < mixer->workers; i++)
		moved += give_due(mixer, now_us);
	__atomic_store_n(&mixer->held, lm_mix_held(mixer->mix), __ATOMIC_RELAXED);
	return moved;
}

void mixer_stop(struct mixer *mixer)
{
	struct lm_mix_item item[LM_BURST];
	unsigned n;

	lm_mix_drain(mixer->mix);
	while ((n = lm_mix_take(mixer->mix, item, LM_BURST, UINT64_MAX)) > 0) {
		for (unsigned i = 0; i < n; i++)
			drop(mixer, item[i].packet, LM_DROP_STOPPED);
	}
	__atomic_store_n(&mixer->held, 0, __ATOMIC_RELAXED);
}
