/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * open: where links have sessions, what has arrived becomes packets: verified, decrypted, and found
 * to be from somebody who may send here. What waits for its turn to be peeled is authentic so, and
 * each neighbour's share is its own. Dummies end here; they are no packets.
 */
#include "sift.h"

/* Frames of this worker's lanes that came to others. What a sender may not add to ends here. */
static void take_from_others(struct worker *worker)
{
	void *mbuf[LM_BURST], *thrown[LM_BURST];
	unsigned room = SHARE_LOOK - worker->arrived, n, lost;

	do {
		n = rte_ring_sc_dequeue_burst(worker->link.from_others, mbuf,
					      room < LM_BURST ? room : LM_BURST, NULL);
		lost = 0;
		for (unsigned i = 0; i < n; i++) {
			uint32_t queue;

			if (!sift_claim(worker, &queue, mbuf[i], thrown, &lost))
				continue;
			worker->arrived_queue[worker->arrived] = queue;
			worker->arrived_mbuf[worker->arrived++] = mbuf[i];
		}
		count_add(&worker->count.received, lost);
		worker_free(worker, thrown, lost);
		room -= n;
	} while (n > 0 && room > 0);
}

/* Whether the sender may send this here; *first: with the id of the mix that takes it. */
static bool may_send(const struct worker *worker, const struct lm_link_open *item, bool *first)
{
	const struct view *view = worker->view;
	const struct view_peer *peer;

	*first = item->peer >= SESSIONS_CLIENT;
	if (*first)
		return view->node->role == LM_TOPOLOGY_GATEWAY && item->to != UINT32_MAX;
	peer = view_neighbour(view, (uint16_t)item->peer);
	return peer && peer->before && item->to == view->node->id;
}

/* Cuts a frame to its packet, behind the id that a client puts before it. */
static void cut(struct rte_mbuf *mbuf, bool first)
{
	unsigned head = LM_LINK_HEADROOM - (first ? sizeof(uint32_t) : 0);

	LM_ASSERT(rte_pktmbuf_adj(mbuf, (uint16_t)head) != NULL);
	LM_ASSERT(rte_pktmbuf_trim(mbuf, LM_LINK_TAILROOM) == 0);
}

static void add(struct worker *worker, struct rte_mbuf *mbuf, uint32_t queue)
{
	worker->opened[worker->opened_n++] = (struct share_entry){.packet = mbuf, .queue = queue};
}

/* Goes on with a packet; false: it has ended, its drop is counted, and its buffer is left. */
static bool opened(struct worker *worker, struct rte_mbuf *mbuf, const struct lm_link_open *item)
{
	enum lm_drop drop = item->drop;
	bool first = false;

	if (drop == LM_DROP_NONE && !may_send(worker, item, &first))
		drop = LM_DROP_LINK_ROLE;
	if (drop != LM_DROP_NONE) {
		count_add(&worker->count.drop[drop], 1);
		return false;
	}
	cut(mbuf, first);
	add(worker, mbuf, worker_queue(worker, item->peer));
	return true;
}

static void open_burst(struct worker *worker, struct rte_mbuf **mbuf, unsigned n)
{
	struct lm_link_open item[LM_BURST];
	void *ended[LM_BURST];
	unsigned ends = 0, dummies = 0;

	for (unsigned i = 0; i < n; i++) {
		item[i].frame = rte_pktmbuf_mtod(mbuf[i], uint8_t *);
		item[i].len = rte_pktmbuf_data_len(mbuf[i]);
	}
	(void)!lm_link_open(worker->link.context, item, n);
	for (unsigned i = 0; i < n; i++) {
		bool dummy = item[i].drop == LM_DROP_NONE && !item[i].packet;

		dummies += dummy;
		if (dummy || !opened(worker, mbuf[i], &item[i]))
			ended[ends++] = mbuf[i];
	}
	count_add(&worker->count.dummy_in, dummies);
	count_add(&worker->count.received, n - dummies);
	worker_free(worker, ended, ends);
}

unsigned stage_open(struct worker *worker)
{
	struct rte_mbuf *frame[LM_BURST];
	unsigned n = 0;

	if (!worker->link.table || !worker->filling)
		return 0;
	take_from_others(worker);
	worker->opened_n = 0;
	for (unsigned i = 0; i < worker->arrived; i++) {
		if (worker->arrived_queue[i] >= SHARE_QUEUE_OTHERS) {
			add(worker, worker->arrived_mbuf[i], worker->arrived_queue[i]);
			continue;
		}
		frame[n++] = worker->arrived_mbuf[i];
		if (n == LM_BURST) {
			open_burst(worker, frame, n);
			n = 0;
		}
	}
	if (n > 0)
		open_burst(worker, frame, n);
	share_claims_end(worker->share);
	return worker->arrived;
}
