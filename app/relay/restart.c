/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See restart.h. What had left the mix already has no delay to stay; it joins the next start's mix
 * all the same, so that it leaves among others.
 */
#include "restart.h"

#include <rte_mbuf.h>
#include <string.h>

#include "lcore.h"

#define PROGRESS_EVERY 4096 /* packets */

struct out {
	struct relay *relay;
	struct handover file;
	uint64_t seen;
	void (*progress)(void *context);
	void *context;
};

static struct handover_kind kind_of(const struct relay *relay)
{
	return (struct handover_kind){
		.node = relay->node->id,
		.profile = relay->topology->profile,
		.packet_len = (uint32_t)lm_packet_len(relay->topology->profile),
	};
}

static void drop(struct relay *relay, struct rte_mbuf *mbuf, enum lm_drop reason)
{
	count_add(&relay->count.drop[reason], 1);
	rte_pktmbuf_free(mbuf);
}

/* ---- Handing over ---- */

static uint32_t id_of_link(const struct relay *relay, uint16_t link)
{
	if (link == LM_MIX_OWN)
		return HANDOVER_OWN;
	return link == 0 || link > relay->links.n ? 0 : relay->links.id[link];
}

static void put(struct out *out, const struct lm_mix_item *mixed)
{
	struct relay *relay = out->relay;
	struct rte_mbuf *mbuf = mixed->packet;
	struct handover_item item = {
		.from = id_of_link(relay, mixed->from),
		.to = id_of_link(relay, mixed->to),
		.delay_us = mixed->delay_us,
		.len = rte_pktmbuf_data_len(mbuf),
	};

	if (out->progress && out->seen++ % PROGRESS_EVERY == 0)
		out->progress(out->context);
	if (!handover_put(&out->file, &item, rte_pktmbuf_mtod(mbuf, void *))) {
		drop(relay, mbuf, LM_DROP_STOPPED);
		return;
	}
	count_add(&relay->handed_over, 1);
	rte_pktmbuf_free(mbuf);
}

/*
 * What the port has not taken has its outer header already. Sealed, it is no packet any more that
 * could be handed over: relay_drop_held ends it.
 */
static void put_unsent(struct out *out, struct worker *worker)
{
	uint32_t packet_len = out->file.kind.packet_len;

	if (worker->link.table)
		return;
	for (unsigned i = 0; i < worker->unsent_n; i++) {
		struct rte_mbuf *mbuf = worker->unsent[i];
		unsigned header = rte_pktmbuf_data_len(mbuf) - packet_len;

		LM_ASSERT(rte_pktmbuf_adj(mbuf, (uint16_t)header) != NULL);
		put(out, &(struct lm_mix_item){.packet = mbuf, .to = worker->unsent_to[i]});
	}
	worker->unsent_n = 0;
}

static void put_ring(struct out *out, struct rte_ring *ring, bool due)
{
	struct lm_mix_item item;

	while (rte_ring_dequeue_elem(ring, &item, sizeof(item)) == 0) {
		if (!item.packet) /* a link's dummy */
			continue;
		if (due)
			item.delay_us = 0;
		put(out, &item);
	}
}

static void put_all(struct out *out)
{
	struct relay *relay = out->relay;
	struct lm_mix_item item[LM_BURST];
	uint64_t now_us = lcore_clock_us();
	struct rte_mbuf *mbuf;
	unsigned n;

	/* as in lcore_main: a counter that was corrected backwards undoes no time */
	now_us = relay->mixer.now_us > now_us ? relay->mixer.now_us : now_us;
	for (unsigned i = 0; i < relay->workers; i++) {
		struct worker *worker = relay->worker[i];

		put_unsent(out, worker);
		put_ring(out, worker->from_mixer, true);
		uint64_t left = worker->dummies_put - worker->dummies_taken;

		count_add(&worker->count.dummy_lost, left);
		count_add(&worker->dummies_taken, left); /* telemetry may look */
		put_ring(out, worker->to_mixer, false);
		worker_publish(worker);
	}
	while (rte_ring_dequeue(relay->sink.ring, (void **)&mbuf) == 0)
		put(out, &(struct lm_mix_item){.packet = mbuf});
	while ((n = mixer_evict(&relay->mixer, item, LM_BURST, now_us)) > 0) {
		for (unsigned i = 0; i < n; i++)
			put(out, &item[i]);
	}
}

/*
 * Starts the file, for so many packets that the next start still has the room for replay sets
 * without which it refuses to run. Where that is missing already, the file changes nothing.
 */
static int create(struct out *out, int dir, uint64_t held, uint64_t closed_us, struct lm_error *err)
{
	struct handover_kind kind = kind_of(out->relay);
	struct lm_epoch_place place =
		mix_keys_place(&out->relay->config->node, out->relay->topology);
	struct lm_error unused;
	bool room = lm_epoch_check_room(&place, &unused) == 0;

	for (;; held /= 2) {
		int rc = handover_create(&out->file, dir, &kind, held, closed_us, err);

		if (rc != 0 || held == 0 || !room || lm_epoch_check_room(&place, &unused) == 0)
			return rc;
		handover_abandon(&out->file);
	}
}

int restart_hand_over(struct relay *relay, int dir, uint64_t closed_us,
		      void (*progress)(void *context), void *context, struct lm_error *err)
{
	struct out out = {.relay = relay, .progress = progress, .context = context};
	struct counters total;
	uint64_t held;
	int rc;

	relay_books(relay, &total, &held);
	rc = create(&out, dir, held, closed_us, err);
	if (rc != 0)
		return rc;
	put_all(&out);
	rc = handover_finish(&out.file, err);
	if (rc == 0)
		return 0;
	count_add(&relay->count.drop[LM_DROP_STOPPED], relay->handed_over);
	__atomic_store_n(&relay->handed_over, 0, __ATOMIC_RELAXED);
	return rc;
}

/* ---- Taking over ---- */

/* Where the packet goes now; another reason than LM_DROP_NONE: nowhere. */
static enum lm_drop place(struct relay *relay, struct lm_mix_item *mixed,
			  const struct handover_item *item, const uint8_t *bytes)
{
	const struct view_peer *peer;

	if (item->from == HANDOVER_OWN)
		mixed->from = LM_MIX_OWN;
	else if (item->from != 0)
		mixed->from = links_number(&relay->links, item->from);
	if (item->to == 0)
		return item->len >= SERVICE_HEADER &&
				       services_find_header(relay->shared.services, bytes)
			       ? LM_DROP_NONE
			       : LM_DROP_SERVICE;
	peer = view_find(relay->shared.view, item->to);
	if (!peer)
		return LM_DROP_NEXT_UNKNOWN;
	mixed->to = peer->link;
	return LM_DROP_NONE;
}

/* A new mbuf with these bytes; NULL if the pool is empty. */
static struct rte_mbuf *copy(const struct relay *relay, const uint8_t *bytes, uint32_t len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(relay->port.pool);

	if (mbuf)
		memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), bytes, len);
	return mbuf;
}

static void mix(struct relay *relay, struct lm_mix_item *item, unsigned n)
{
	unsigned taken = n > 0 ? lm_mix_add(relay->mixer.mix, item, n, lcore_clock_us()) : 0;

	for (unsigned i = taken; i < n; i++)
		drop(relay, item[i].packet, LM_DROP_POOL_FULL);
}

static void take_all(struct relay *relay, struct handover *in, uint64_t away_us)
{
	struct lm_mix_item mixed[LM_BURST];
	struct handover_item item;
	const uint8_t *bytes;
	unsigned n = 0;

	while (handover_next(in, &item, &bytes)) {
		enum lm_drop why;

		mixed[n] = (struct lm_mix_item){0};
		why = place(relay, &mixed[n], &item, bytes);
		count_add(&relay->count.taken_over, 1);
		if (why == LM_DROP_NONE) {
			mixed[n].delay_us =
				item.delay_us > away_us ? item.delay_us - (uint32_t)away_us : 0;
			mixed[n].packet = copy(relay, bytes, item.len);
			why = mixed[n].packet ? LM_DROP_NONE : LM_DROP_POOL_FULL;
		}
		if (why != LM_DROP_NONE)
			count_add(&relay->count.drop[why], 1);
		else
			n++;
		if (n == LM_BURST) {
			mix(relay, mixed, n);
			n = 0;
		}
	}
	mix(relay, mixed, n);
	relay->mixer.held = lm_mix_held(relay->mixer.mix);
}

void restart_take_over(struct relay *relay, int dir)
{
	struct handover_kind kind = kind_of(relay);
	struct lm_error err = {0};
	struct handover in;
	uint64_t now_us;

	if (dir < 0)
		return;
	if (handover_open(&in, dir, &kind, &err) != 0)
		fprintf(stderr, "linemix-relay: %s\n", err.text);
	if (!in.map)
		return;
	now_us = handover_clock_us();
	relay->away_us = now_us > in.closed_us ? now_us - in.closed_us : 0;
	take_all(relay, &in, relay->away_us);
	handover_close(&in);
	fprintf(stderr,
		"linemix-relay: node %u: took over %llu packets, %llu of them dropped; nothing was "
		"received for %.1f s\n",
		relay->node->id, (unsigned long long)relay->count.taken_over,
		(unsigned long long)counters_dropped(&relay->count), (double)relay->away_us / 1e6);
}
