/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * route: step 10 of the packet format, which needs the topology: where a packet goes. What may go
 * on leaves for the mixer as 16 bytes; the mixer touches no packet memory. Own loops that return
 * are marked; in a pause of the mix (lib/cover) all else ends here.
 */
#include "worker.h"

/* Body of a delivery: what stands between the packet's start and what the service gets. */
#define EXIT_BODY (LM_PACKET_HEADER + 48) /* after the zero tag and dest */
#define MBOX_BODY LM_PACKET_HEADER

static enum lm_drop route_end(const struct worker *worker, struct rte_mbuf *mbuf,
			      const struct lm_packet_peel *item)
{
	unsigned body = item->cmd == LM_PACKET_EXIT ? EXIT_BODY : MBOX_BODY;

	if (worker->view->node->role != LM_TOPOLOGY_GATEWAY)
		return LM_DROP_ROLE;
	if (!services_find(__atomic_load_n(&worker->shared->services, __ATOMIC_ACQUIRE), item->cmd,
			   &item->dest))
		return LM_DROP_SERVICE;
	service_header_write((uint8_t *)rte_pktmbuf_adj(mbuf, body - SERVICE_HEADER), item->cmd,
			     &item->dest, &item->token);
	return LM_DROP_NONE;
}

/* Sets the way to the next hop, if there is one. */
static enum lm_drop route_on(const struct worker *worker, struct lm_mix_item *out, uint32_t next_id)
{
	const struct view *view = worker->view;
	const struct view_peer *peer = view_find(view, next_id);

	if (!peer) /* why: unknown, or in no layer that may follow */
		return lm_topology_route(view->topology, view->node, next_id);
	out->to = peer->link;
	return LM_DROP_NONE;
}

/* Cover that ends here. A pause takes all but own loops. */
static enum lm_drop route_drop(const struct worker *worker, const struct lm_packet_peel *item,
			       bool paused)
{
	bool own = lm_cover_table_back(worker->shared->loops, &item->token, worker->now_us);

	return own || !paused ? LM_DROP_COVER : LM_DROP_PAUSED;
}

/* Decides for one peeled packet; sets the mixer's item if it goes on. */
static enum lm_drop route(const struct worker *worker, struct lm_mix_item *out,
			  struct rte_mbuf *mbuf, const struct lm_packet_peel *item, bool paused)
{
	*out = (struct lm_mix_item){.packet = mbuf, .delay_us = item->delay_us};
	if (item->drop != LM_DROP_NONE)
		return item->drop;
	if (item->cmd == LM_PACKET_DROP)
		return route_drop(worker, item, paused);
	if (paused)
		return LM_DROP_PAUSED;
	switch (item->cmd) {
	case LM_PACKET_FWD:
		return route_on(worker, out, item->next_id);
	case LM_PACKET_EXIT:
	case LM_PACKET_MBOX:
		return route_end(worker, mbuf, item);
	case LM_PACKET_DROP:
		break;
	}
	return LM_DROP_CMD;
}

/* A client's packet: first_id, then the packet as it goes to the first layer. */
static enum lm_drop route_handed(const struct worker *worker, struct lm_mix_item *out,
				 struct rte_mbuf *mbuf, bool paused)
{
	uint32_t first_id = lm_load_u32(rte_pktmbuf_mtod(mbuf, const uint8_t *));

	*out = (struct lm_mix_item){.packet = mbuf};
	LM_ASSERT(rte_pktmbuf_adj(mbuf, sizeof(first_id)) != NULL);
	if (paused)
		return LM_DROP_PAUSED;
	return route_on(worker, out, first_id);
}

/* Hands n items to the mixer. Which are lost to a full ring is drawn at random among them. */
static void hand_over(struct worker *worker, struct lm_mix_item *item, unsigned n)
{
	unsigned room = rte_ring_free_count(worker->to_mixer);

	for (; n > room; n--) {
		unsigned lost = lm_prng_below(&worker->prng, n);

		stage_drop(worker, item[lost].packet, LM_DROP_MIX_RING_FULL);
		item[lost] = item[n - 1];
	}
	/* this worker alone puts in, so the room can only have grown */
	LM_ASSERT(rte_ring_sp_enqueue_bulk_elem(worker->to_mixer, item, sizeof(*item), n, NULL) ==
		  n);
}

unsigned stage_route(struct worker *worker)
{
	struct burst *burst = worker->peeled;
	bool paused = __atomic_load_n(&worker->shared->paused, __ATOMIC_RELAXED);
	struct lm_mix_item out[LM_BURST];
	unsigned n = 0;

	if (!burst)
		return 0;
	for (unsigned i = 0; i < burst->n; i++) {
		enum lm_drop drop = route(worker, &out[n], burst->mbuf[i], &burst->item[i], paused);

		if (drop == LM_DROP_NONE)
			out[n++].from = burst->from[i];
		else
			stage_drop(worker, burst->mbuf[i], drop);
	}
	for (unsigned i = 0; i < burst->handed; i++) {
		enum lm_drop drop = route_handed(worker, &out[n], burst->handed_mbuf[i], paused);

		if (drop == LM_DROP_NONE)
			out[n++].from = burst->handed_from[i];
		else
			stage_drop(worker, burst->handed_mbuf[i], drop);
	}
	if (n > 0)
		hand_over(worker, out, n);
	burst->in_use = false;
	return n;
}
