/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's loop: the table of stages is the packet's way.
 */
#include "worker.h"

#include <rte_cycles.h>

static unsigned (*const stages[])(struct worker *) = {
	stage_rx,     /* NIC queue -> what has arrived */
	stage_open,   /* frames of links with sessions: verified, decrypted, may they come here? */
	stage_share,  /* a burst of it: all there is, or each neighbour's fair share */
	stage_admit,  /* outer headers, addresses, exact length; frames for the kernel leave */
	stage_peel,   /* X25519, tag, command, payload; in place */
	stage_replay, /* seen before? */
	stage_route,  /* where it goes -> ring to the mixer */
	stage_seal,   /* ring from the mixer -> link frames, outer headers */
	stage_tx,     /* -> NIC queue */
	stage_kernel, /* frames of the kernel -> NIC queue */
};

_Static_assert(LM_COUNT(stages) == STAGE_WORKER, "the stages of stages.h, in their order");

void worker_publish(struct worker *worker)
{
	unsigned unpeeled =
		share_waiting_udp(worker->share) + lm_packet_peel_in_flight(worker->peeler);
	unsigned unsent = worker->unsent_n - (unsigned)__builtin_popcountll(worker->unsent_dummies);

	__atomic_store_n(&worker->unpeeled, unpeeled, __ATOMIC_RELAXED);
	__atomic_store_n(&worker->held, unpeeled + unsent, __ATOMIC_RELAXED);
}

static void begin(struct worker *worker, uint64_t now_us)
{
	worker->now_us = now_us;
	worker->view = __atomic_load_n(&worker->shared->view, __ATOMIC_ACQUIRE);
	worker->filling = NULL;
	worker->peeled = NULL;
}

unsigned worker_step(void *context, uint64_t now_us)
{
	struct worker *worker = context;
	unsigned moved = 0;

	begin(worker, now_us);
	for (unsigned i = 0; i < LM_COUNT(stages); i++)
		moved += stages[i](worker);
	worker_publish(worker);
	return moved;
}

unsigned worker_step_timed(void *context, uint64_t now_us)
{
	struct worker *worker = context;
	struct stage_sample sample;
	unsigned moved = 0;
	uint64_t from;

	begin(worker, now_us);
	from = rte_rdtsc();
	for (unsigned i = 0; i < LM_COUNT(stages); i++) {
		unsigned n = stages[i](worker);
		uint64_t to = rte_rdtsc();

		stage_count(&worker->time[i], to - from, n);
		sample.cycles[i] = to - from;
		sample.packets[i] = n;
		moved += n;
		from = to;
	}
	if (worker->samples && moved > 0)
		stage_samples_add(worker->samples, &sample);
	worker_publish(worker);
	return moved;
}

unsigned worker_held(const struct worker *worker)
{
	uint64_t dummies = __atomic_load_n(&worker->dummies_put, __ATOMIC_RELAXED) -
			   __atomic_load_n(&worker->dummies_taken, __ATOMIC_RELAXED);

	/* while dummies move, the ring and their counters are not of one moment */
	int64_t outbound = (int64_t)rte_ring_count(worker->from_mixer) - (int64_t)dummies;

	return __atomic_load_n(&worker->held, __ATOMIC_RELAXED) + rte_ring_count(worker->to_mixer) +
	       (outbound > 0 ? (unsigned)outbound : 0);
}

unsigned worker_inbound(const struct worker *worker)
{
	return __atomic_load_n(&worker->unpeeled, __ATOMIC_RELAXED) +
	       rte_ring_count(worker->to_mixer);
}

uint32_t worker_queue(const struct worker *worker, uint32_t peer)
{
	struct source client = {.udp = true, .address = {peer, 0}};

	return peer < SESSIONS_CLIENT ? peer : share_queue(worker->share, &client, 0);
}

void worker_cut(struct rte_mbuf *mbuf, struct frame_parsed parsed)
{
	LM_ASSERT(rte_pktmbuf_adj(mbuf, parsed.offset) != NULL);
	LM_ASSERT(rte_pktmbuf_trim(mbuf, rte_pktmbuf_data_len(mbuf) - parsed.len) == 0);
}

/*
 * Those that are as the driver has taken them from the pool go back together, and so without a look
 * at the second half of their heads.
 */
void worker_free(const struct worker *worker, void **mbuf, unsigned n)
{
	struct rte_mempool *pool = worker->port->pool;
	unsigned plain = 0;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *one = mbuf[i];

		if (one->pool == pool && one->nb_segs == 1 && RTE_MBUF_DIRECT(one) &&
		    rte_mbuf_refcnt_read(one) == 1)
			mbuf[plain++] = one;
		else
			rte_pktmbuf_free(one);
	}
	if (plain > 0)
		rte_mempool_put_bulk(pool, mbuf, plain);
}

void stage_drop(struct worker *worker, struct rte_mbuf *mbuf, enum lm_drop reason)
{
	count_add(&worker->count.drop[reason], 1);
	rte_pktmbuf_free(mbuf);
}
