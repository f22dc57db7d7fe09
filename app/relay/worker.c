/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's loop: the table of stages is the packet's way.
 */
#include "worker.h"

static unsigned (*const stages[])(struct worker *) = {
	stage_rx,     /* NIC queue -> what has arrived */
	stage_share,  /* a burst of it: all there is, or each neighbour's fair share */
	stage_admit,  /* outer headers, addresses, exact length; frames for the kernel leave */
	stage_peel,   /* X25519, tag, command, payload; in place */
	stage_replay, /* seen before? */
	stage_route,  /* where it goes -> ring to the mixer */
	stage_tx,     /* ring from the mixer -> outer headers -> NIC queue */
	stage_kernel, /* frames of the kernel -> NIC queue */
};

void worker_publish(struct worker *worker)
{
	unsigned unpeeled =
		share_waiting_udp(worker->share) + lm_packet_peel_in_flight(worker->peeler);

	__atomic_store_n(&worker->unpeeled, unpeeled, __ATOMIC_RELAXED);
	__atomic_store_n(&worker->held, unpeeled + worker->unsent_n, __ATOMIC_RELAXED);
}

unsigned worker_step(void *context, uint64_t now_us)
{
	struct worker *worker = context;
	unsigned moved = 0;

	worker->now_us = now_us;
	worker->view = __atomic_load_n(&worker->shared->view, __ATOMIC_ACQUIRE);
	worker->filling = NULL;
	worker->peeled = NULL;
	for (unsigned i = 0; i < LM_COUNT(stages); i++)
		moved += stages[i](worker);
	worker_publish(worker);
	return moved;
}

unsigned worker_held(const struct worker *worker)
{
	return __atomic_load_n(&worker->held, __ATOMIC_RELAXED) + rte_ring_count(worker->to_mixer) +
	       rte_ring_count(worker->from_mixer);
}

unsigned worker_inbound(const struct worker *worker)
{
	return __atomic_load_n(&worker->unpeeled, __ATOMIC_RELAXED) +
	       rte_ring_count(worker->to_mixer);
}

void stage_drop(struct worker *worker, struct rte_mbuf *mbuf, enum lm_drop reason)
{
	count_add(&worker->count.drop[reason], 1);
	rte_pktmbuf_free(mbuf);
}
