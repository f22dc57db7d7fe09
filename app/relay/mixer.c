/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See mixer.h. Bounds: a step takes and gives at most one burst for each worker, and takes at most
 * three of own cover. A worker's ring that is full holds the mixer back, so that nothing is lost
 * between them; a full sink loses what is for it. The mixer never waits for cover: an empty stock
 * loses what is due, and a batch without company waits on while all else goes its way.
 *
 * With padding, what leaves the mix waits for its link's slots (lm_pacer), and a ring gets what the
 * slots carry. Slots, and the worker drawn for each, do not depend on what waits.
 */
#include "mixer.h"

#include <rte_cycles.h>
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
	unsigned due, got;

	if (mean_us != schedule->mean_us)
		lm_cover_schedule_init(schedule, &cover->gaps, mean_us, now_us);
	due = lm_cover_due(schedule, &cover->gaps, now_us, LM_BURST);
	got = add_cover(mixer, kind, due, now_us);
	count_add(&cover->starved, due - got);
	return got;
}

/* Frees cover that was built for keys that are no longer drawn; also while a stop is under way. */
static unsigned clear_expired(struct mixer *mixer)
{
	struct cover *cover = mixer->cover;
	unsigned freed = 0;

	for (unsigned kind = 0; kind < COVER_KINDS; kind++)
		freed += cover_stock_clear(&cover->stock[kind], cover->loops);
	return freed;
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

/* The least room in any worker's ring: that many can be given whichever workers are drawn. */
static unsigned room_at_workers(const struct mixer *mixer)
{
	unsigned room = LM_BURST;

	for (unsigned i = 0; i < mixer->senders; i++) {
		unsigned free = rte_ring_free_count(mixer->worker[i]->from_mixer);

		room = free < room ? free : room;
	}
	return room;
}

/* When nothing new comes the sink's ring counts: there is time to lose nothing. */
static unsigned room_at_sink(const struct mixer *mixer, enum phase phase)
{
	unsigned room = phase == PHASE_RUN ? LM_BURST : rte_ring_free_count(mixer->to_sink);

	return room < LM_BURST ? room : LM_BURST;
}

static void give_sink(struct mixer *mixer, const struct lm_mix_item *item)
{
	if (rte_ring_enqueue(mixer->to_sink, item->packet) != 0)
		drop(mixer, item->packet, LM_DROP_SINK_FULL);
}

static void give_worker(struct mixer *mixer, const struct lm_mix_item *item)
{
	struct worker *worker = mixer->worker[lm_prng_below(&mixer->prng, mixer->senders)];

	if (!item->packet) /* a link's dummy */
		count_add(&worker->dummies_put, 1);
	LM_ASSERT(rte_ring_sp_enqueue_elem(worker->from_mixer, (void *)(uintptr_t)item,
					   sizeof(*item)) == 0);
}

static unsigned give_due(struct mixer *mixer, enum phase phase, uint64_t now_us)
{
	struct lm_mix_item item[LM_BURST];
	unsigned sink = room_at_sink(mixer, phase), room = room_at_workers(mixer);
	unsigned n;

	room = sink < room ? sink : room;
	n = room > 0 ? lm_mix_take(mixer->mix, item, room, now_us) : 0;
	for (unsigned i = 0; i < n; i++) {
		if (item[i].to == 0)
			give_sink(mixer, &item[i]);
		else
			give_worker(mixer, &item[i]);
	}
	return n;
}

/* ---- Padding ---- */

/* The links of a new view have slots, and no others; what waits for these is lost. */
static void pace_view(struct mixer *mixer, const struct view *view, uint64_t now_us)
{
	struct lm_mix_item item[LM_BURST];
	unsigned n;

	for (uint32_t link = 1; link <= view->links; link++) {
		if (view_link(view, (uint16_t)link))
			lm_pacer_set(mixer->pacer, (uint16_t)link, now_us);
		else
			lm_pacer_unset(mixer->pacer, (uint16_t)link);
	}
	while ((n = lm_pacer_orphans(mixer->pacer, item, LM_BURST)) > 0) {
		for (unsigned i = 0; i < n; i++)
			drop(mixer, item[i].packet, LM_DROP_NEXT_UNKNOWN);
	}
	mixer->view = view->serial;
}

/* What leaves the mix waits for its slots. When nothing new comes, it leaves as there is room. */
static unsigned pace_due(struct mixer *mixer, enum phase phase, uint64_t now_us)
{
	struct lm_mix_item item[LM_BURST];
	unsigned room = room_at_sink(mixer, phase), n;

	if (mixer->draining && lm_pacer_room(mixer->pacer) < room)
		room = lm_pacer_room(mixer->pacer);
	n = room > 0 ? lm_mix_take(mixer->mix, item, room, now_us) : 0;
	for (unsigned i = 0; i < n; i++) {
		enum lm_drop why = LM_DROP_NONE;

		if (item[i].to == 0)
			give_sink(mixer, &item[i]);
		else
			why = lm_pacer_push(mixer->pacer, &item[i]);
		if (why != LM_DROP_NONE)
			drop(mixer, item[i].packet, why);
	}
	return n;
}

/* Gives what the slots carry. Returns how many packets; dummies are no work that is waited for. */
static unsigned give_slots(struct mixer *mixer, uint64_t now_us)
{
	struct lm_mix_item item[LM_BURST];
	unsigned n = lm_pacer_due(mixer->pacer, item, room_at_workers(mixer), now_us);
	unsigned packets = 0;

	for (unsigned i = 0; i < n; i++) {
		packets += item[i].packet != NULL;
		give_worker(mixer, &item[i]);
	}
	return packets;
}

static unsigned give_paced(struct mixer *mixer, enum phase phase, uint64_t now_us)
{
	const struct view *view = __atomic_load_n(&mixer->shared->view, __ATOMIC_ACQUIRE);
	unsigned moved;

	if (view->serial != mixer->view)
		pace_view(mixer, view, now_us);
	moved = pace_due(mixer, phase, now_us);
	return moved + give_slots(mixer, now_us);
}

/* ---- A step ---- */

static void drain(struct mixer *mixer)
{
	lm_mix_drain(mixer->mix);
	if (mixer->pacer)
		lm_pacer_lift(mixer->pacer);
	mixer->draining = true;
}

static void publish(struct mixer *mixer)
{
	uint32_t held = lm_mix_held(mixer->mix);

	if (mixer->pacer) {
		held += lm_pacer_held(mixer->pacer);
		__atomic_store_n(&mixer->slot_us, lm_pacer_next_us(mixer->pacer), __ATOMIC_RELAXED);
	}
	__atomic_store_n(&mixer->held, held, __ATOMIC_RELAXED);
}

static void begin(struct mixer *mixer, uint64_t now_us)
{
	mixer->now_us = now_us;
	mixer->phase = __atomic_load_n(&mixer->shared->phase, __ATOMIC_RELAXED);
	if (!mixer->draining && mixer->phase == PHASE_DRAIN)
		drain(mixer);
}

static unsigned take_all(struct mixer *mixer)
{
	unsigned moved = 0;

	for (unsigned i = 0; i < mixer->workers; i++)
		moved += take_from_worker(mixer, mixer->worker[i], mixer->now_us);
	return moved;
}

static unsigned cover_all(struct mixer *mixer)
{
	unsigned moved = clear_expired(mixer);

	for (unsigned kind = 0; mixer->phase == PHASE_RUN && kind < COVER_KINDS; kind++)
		moved += add_due(mixer, kind, mixer->now_us);
	return moved;
}

static unsigned give_all(struct mixer *mixer)
{
	bool waits = __atomic_load_n(&mixer->shared->waits, __ATOMIC_RELAXED);
	unsigned moved = 0;

	for (unsigned i = 0; i < mixer->workers && mixer->phase < PHASE_KEEP && !waits; i++)
		moved += mixer->pacer ? give_paced(mixer, mixer->phase, mixer->now_us)
				      : give_due(mixer, mixer->phase, mixer->now_us);
	if (mixer->phase <= PHASE_CLOSED) /* a batch that waits at a stop gets its company too */
		moved += add_company(mixer, mixer->now_us);
	return moved;
}

static unsigned (*const parts[])(struct mixer *) = {take_all, cover_all, give_all};

_Static_assert(LM_COUNT(parts) == LM_COUNT(((struct mixer *)0)->time), "those of stages.h");

unsigned mixer_step(void *context, uint64_t now_us)
{
	struct mixer *mixer = context;
	unsigned moved = 0;

	begin(mixer, now_us);
	for (unsigned i = 0; i < LM_COUNT(parts); i++)
		moved += parts[i](mixer);
	publish(mixer);
	return moved;
}

unsigned mixer_step_timed(void *context, uint64_t now_us)
{
	struct mixer *mixer = context;
	unsigned moved = 0;
	uint64_t from;

	begin(mixer, now_us);
	from = rte_rdtsc();
	for (unsigned i = 0; i < LM_COUNT(parts); i++) {
		unsigned n = parts[i](mixer);
		uint64_t to = rte_rdtsc();

		stage_count(&mixer->time[i], to - from, n);
		moved += n;
		from = to;
	}
	publish(mixer);
	return moved;
}

uint64_t mixer_next_us(const struct mixer *mixer)
{
	uint64_t next_us = lm_mix_next_us(mixer->mix);

	for (unsigned kind = 0; kind < COVER_KINDS; kind++) {
		uint64_t due_us = mixer->cover->schedule[kind].next_us;

		next_us = due_us < next_us ? due_us : next_us;
	}
	if (mixer->pacer && lm_pacer_next_us(mixer->pacer) < next_us)
		next_us = lm_pacer_next_us(mixer->pacer);
	return next_us;
}

unsigned mixer_evict(struct mixer *mixer, struct lm_mix_item *item, unsigned max, uint64_t now_us)
{
	unsigned n = mixer->pacer ? lm_pacer_evict(mixer->pacer, item, max) : 0;

	if (n == 0)
		n = lm_mix_evict(mixer->mix, item, max, now_us);
	publish(mixer);
	return n;
}

void mixer_stop(struct mixer *mixer)
{
	struct lm_mix_item item[LM_BURST];
	unsigned n;

	while ((n = mixer_evict(mixer, item, LM_BURST, UINT64_MAX)) > 0) {
		for (unsigned i = 0; i < n; i++)
			drop(mixer, item[i].packet, LM_DROP_STOPPED);
	}
}
