/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See seal.h.
 */
#include "seal.h"

#include "handshakes.h"

enum lm_drop seal_check(const struct view_peer *peer)
{
	if (!peer)
		return LM_DROP_NEXT_UNKNOWN;
	return peer->resolved ? LM_DROP_NONE : LM_DROP_UNRESOLVED;
}

/* The next of the lanes below `lanes` that are this worker's. */
static unsigned next_lane(struct worker *worker, unsigned lanes)
{
	struct worker_link *link = &worker->link;
	unsigned own = (lanes - worker->index + link->n - 1) / link->n;

	LM_ASSERT(worker->index < lanes); /* the mixer gives to no others */
	return worker->index + link->n * (link->turn++ % own);
}

static void lose(struct worker *worker, const struct lm_mix_item *item, enum lm_drop why)
{
	if (item->packet)
		stage_drop(worker, item->packet, why);
	else
		count_add(&worker->count.dummy_lost, 1);
}

/* The item's packet, or room for a dummy's; NULL: there is no buffer for one. */
static struct rte_mbuf *packet_of(const struct worker *worker, const struct lm_mix_item *item)
{
	struct rte_mbuf *mbuf = item->packet;

	if (mbuf)
		return mbuf;
	mbuf = rte_pktmbuf_alloc(worker->port->pool);
	if (mbuf)
		LM_ASSERT(rte_pktmbuf_append(mbuf, (uint16_t)worker->view->packet_len) != NULL);
	return mbuf;
}

/* Adds one to what is to be sealed, in the place that it will have among what is unsent. */
static void prepare(struct worker *worker, struct lm_link_seal *seal,
		    const struct lm_mix_item *item)
{
	const struct view_peer *peer = view_link(worker->view, item->to);
	enum lm_drop why = seal_check(peer);
	struct lm_link_session *session;
	struct rte_mbuf *mbuf;
	unsigned at = worker->unsent_n;

	session = why == LM_DROP_NONE ? lm_link_peer_sending(peer->session) : NULL;
	if (why == LM_DROP_NONE && !session)
		why = LM_DROP_NO_SESSION;
	mbuf = why == LM_DROP_NONE ? packet_of(worker, item) : NULL;
	if (!mbuf) {
		lose(worker, item, why);
		return;
	}
	seal[at] = (struct lm_link_seal){
		.session = session,
		.lane = next_lane(worker, lm_link_session_lanes(session)),
		.to = item->packet ? peer->id : LM_LINK_DUMMY,
		.packet = rte_pktmbuf_mtod(mbuf, uint8_t *),
	};
	worker->unsent_dummies |= (uint64_t)!item->packet << at;
	worker->unsent_to[at] = item->to;
	worker->unsent[at] = mbuf;
	worker->unsent_n++;
}

/* The outer header of a frame, from its lane's port. */
static void finish(const struct worker *worker, struct rte_mbuf *mbuf, uint16_t to, unsigned lane)
{
	struct frame_header header = view_link(worker->view, to)->header;

	LM_ASSERT(rte_pktmbuf_prepend(mbuf, LM_LINK_HEADROOM) != NULL);
	LM_ASSERT(rte_pktmbuf_append(mbuf, LM_LINK_TAILROOM) != NULL);
	frame_header_from_port(&header, (uint16_t)(HANDSHAKES_LANE_PORT + lane));
	port_write_header(worker->port, mbuf, &header);
}

void seal_burst(struct worker *worker, const struct lm_mix_item *item, unsigned n)
{
	struct lm_link_seal seal[LM_BURST];
	unsigned dummies = 0, kept;
	uint64_t sealed;

	worker->unsent_dummies = 0;
	for (unsigned i = 0; i < n; i++) {
		dummies += !item[i].packet;
		prepare(worker, seal, &item[i]);
	}
	count_add(&worker->dummies_taken, dummies);
	kept = worker->unsent_n;
	if (kept == 0)
		return;
	sealed = lm_link_seal(worker->link.context, seal, kept);
	/* a lane that may send no more: its session was to be renewed 2^60 frames ago */
	LM_ASSERT(sealed == (kept < LM_BURST ? (UINT64_C(1) << kept) - 1 : UINT64_MAX));
	for (unsigned i = 0; i < kept; i++)
		finish(worker, worker->unsent[i], worker->unsent_to[i], seal[i].lane);
}
