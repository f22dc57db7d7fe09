/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See mixer.h. Bounds: a step takes and gives at most one burst for each worker, and takes at most
 * three of own cover. A worker's ring that is full holds the mixer back, so that nothing is lost
 * between them; a full sink loses what is for it. The mixer never waits for cover: an empty stock
 * loses what is due, and a batch without company waits on while all else goes its way.
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

/* Gives n packets of own cover to the mix, like any others. Returns how many there were. */
static unsigned add_cover(struct mixer *mixer, enum cover_kind kind, unsigned n, uint64_t now_us)
{
	struct cover *cover = mixer->cover;
	struct cover_item own[LM_BURST];
	struct lm_mix_item item[LM_BURST];
	unsigned got = n > 0 ? cover_stock_take(&cover->stock[kind], own, n) : 0, taken;

	if (got == 0)
		return 0;
	for (unsigned i = 0; i < got; i++) {
		item[i] = (struct lm_mix_item){.packet = own[i].mbuf,
					       .delay_us = own[i].delay_us,
					       .from = LM_MIX_OWN,
					       .to = (uint16_t)own[i].to};
		if (kind == COVER_LOOP)
			lm_cover_table_sent(cover->loops, own[i].loop, now_us);
	}
	if (kind == COVER_LOOP)
		count_add(&cover->sent, got);
	count_add(&mixer->count.cover, got);
	taken = lm_mix_add(mixer->mix, item, got, now_us);
	for (unsigned i = taken; i < got; i++)
		drop(mixer, item[i].packet, LM_DROP_POOL_FULL);
	return got;
}

/* Loops or drop packets that are due by now; the process starts anew when its rate changes. */
static unsigned add_due(struct mixer *mixer, enum cover_kind kind, uint64_t now_us)
{
	struct cover *cover = mixer->cover;
	struct lm_cover_schedule *schedule = &cover->schedule[kind];
	uint32_t mean_us = __atomic_load_n(&cover->interval_us[kind], __ATOMIC_RELAXED);
	unsigned freed = cover_stock_clear(&cover->stock[kind], cover->loops), due, got;

	if (mean_us != schedule->mean_us)
		lm_cover_schedule_init(schedule, &cover->gaps, mean_us, now_us);
	due = lm_cover_due(schedule, &cover->gaps, now_us, LM_BURST);
	got = add_cover(mixer, kind, due, now_us);
	count_add(&cover->starved, due - got);
	return got + freed;
}

/* Company for a batch that has waited for it as long as it may. */
static unsigned add_company(struct mixer *mixer, uint64_t now_us)
{
	struct cover *cover = mixer->cover;
	uint32_t wanted = lm_mix_wanted(mixer->mix, now_us);
	unsigned n = wanted < LM_BURST ? wanted : LM_BURST;
	unsigned got = add_cover(mixer, COVER_DROP, n, now_us);

	if (got < n && !cover->short_of_fill)
		count_add(&cover->starved, 1);
	cover->short_of_fill = got < n;
	return got;
}

/*
 * The least room in any worker's ring: that many can be given whichever workers are drawn. When
 * nothing new comes the sink's ring counts too: there is time to lose nothing.
 */
static unsigned room_to_give(const struct mixer *mixer, enum phase phase)
{
	unsigned room = phase == PHASE_RUN ? LM_BURST : rte_ring_free_count(mixer->to_sink);

	room = room < LM_BURST ? room : LM_BURST;
	for (unsigned i = 0; i < mixer->senders; i++) {
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

	struct worker *worker = mixer->worker[lm_prng_below(&mixer->prng, mixer->senders)];

	if (!item->packet) /* a link's dummy */
		count_add(&worker->dummies_put, 1);
	LM_ASSERT(rte_ring_sp_enqueue_elem(worker->from_mixer, (void *)(uintptr_t)item,
					   sizeof(*item)) == 0);
}

static unsigned give_due(struct mixer *mixer, enum phase phase, uint64_t now_us)
{
	struct lm_mix_item item[LM_BURST];
	unsigned room = room_to_give(mixer, phase);
	unsigned n = room > 0 ? lm_mix_take(mixer->mix, item, room, now_us) : 0;

	for (unsigned i = 0; i < n; i++)
		give(mixer, &item[i]);
	return n;
}

unsigned mixer_step(void *context, uint64_t now_us)
{
	struct mixer *mixer = context;
	enum phase phase = __atomic_load_n(&mixer->shared->phase, __ATOMIC_RELAXED);
	bool waits = __atomic_load_n(&mixer->shared->waits, __ATOMIC_RELAXED);
	unsigned moved = 0;

	mixer->now_us = now_us;
	if (!mixer->draining && phase == PHASE_DRAIN) {
		lm_mix_drain(mixer->mix);
		mixer->draining = true;
	}
	for (unsigned i = 0; i < mixer->workers; i++)
		moved += take_from_worker(mixer, mixer->worker[i], now_us);
	for (unsigned kind = 0; phase == PHASE_RUN && kind < COVER_KINDS; kind++)
		moved += add_due(mixer, kind, now_us);
	for (unsigned i = 0; i < mixer->workers && phase < PHASE_KEEP && !waits; i++)
		moved += give_due(mixer, phase, now_us);
	if (phase <= PHASE_CLOSED) /* a batch that waits at a stop gets its company too */
		moved += add_company(mixer, now_us);
	__atomic_store_n(&mixer->held, lm_mix_held(mixer->mix), __ATOMIC_RELAXED);
	return moved;
}

uint64_t mixer_next_us(const struct mixer *mixer)
{
	uint64_t next_us = lm_mix_next_us(mixer->mix);

	for (unsigned kind = 0; kind < COVER_KINDS; kind++) {
		uint64_t due_us = mixer->cover->schedule[kind].next_us;

		next_us = due_us < next_us ? due_us : next_us;
	}
	return next_us;
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
