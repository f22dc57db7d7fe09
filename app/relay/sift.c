/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See sift.h. Checksums of UDP are not computed: the tag covers all that a frame carries, and a
 * handshake's MAC the same.
 */
#include "sift.h"

#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include "handshakes.h"

#define DRIVER_BURST 32 /* as in stage_rx */
#define HEADS_AHEAD  32
#define FRAMES_AHEAD 16

/* What a burst from the NIC comes to. */
struct sifting {
	struct worker *worker;
	unsigned thrown, lost; /* of what is thrown, handshakes, which are in no book */
	void *thrown_mbuf[LM_BURST];
};

/* Counts why; what is thrown together is counted as received together. */
static void throw(struct worker * worker, void *mbuf, void **thrown, unsigned *n, enum lm_drop why)
{
	count_add(&worker->count.drop[why], 1);
	thrown[(*n)++] = mbuf;
}

static void keep(struct worker *worker, struct rte_mbuf *mbuf, uint32_t queue)
{
	worker->arrived_queue[worker->arrived] = queue;
	worker->arrived_mbuf[worker->arrived++] = mbuf;
}

static bool claim(struct worker *worker, uint32_t peer, uint32_t *queue, struct rte_mbuf *mbuf,
		  void **thrown, unsigned *n)
{
	*queue = worker_queue(worker, peer);
	if (share_claim(worker->share, *queue))
		return true;
	throw(worker, mbuf, thrown, n, LM_DROP_OVERLOAD);
	return false;
}

bool sift_claim(struct worker *worker, uint32_t *queue, struct rte_mbuf *mbuf, void **thrown,
		unsigned *n)
{
	const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	unsigned lane;
	uint32_t peer;

	if (lm_link_glance(&peer, &lane, worker->link.table, frame))
		return claim(worker, peer, queue, mbuf, thrown, n);
	throw(worker, mbuf, thrown, n, LM_DROP_LINK_INDEX);
	return false;
}

/* The worker that has this lane: with one worker there is nothing to divide. */
static struct worker *owner_of(const struct worker_link *link, unsigned lane)
{
	return link->workers[link->n == 1 ? 0 : lane % link->n];
}

/*
 * A frame of the protocol's: for this worker, another one, or nobody. Most of what floods is
 * nobody's, and its buffer's head is not written.
 */
static void sift_frame(struct sifting *sifting, struct rte_mbuf *mbuf, const uint8_t *frame,
		       struct frame_parsed parsed)
{
	struct worker *worker = sifting->worker, *owner;
	uint32_t queue, peer;
	unsigned lane;

	if (!lm_link_glance(&peer, &lane, worker->link.table, frame)) {
		throw(worker, mbuf, sifting->thrown_mbuf, &sifting->thrown, LM_DROP_LINK_INDEX);
		return;
	}
	owner = owner_of(&worker->link, lane);
	if (owner == worker) {
		if (!claim(worker, peer, &queue, mbuf, sifting->thrown_mbuf, &sifting->thrown))
			return;
		worker_cut(mbuf, parsed);
		keep(worker, mbuf, queue);
		return;
	}
	worker_cut(mbuf, parsed);
	if (rte_ring_mp_enqueue(owner->link.from_others, mbuf) != 0)
		throw(worker, mbuf, sifting->thrown_mbuf, &sifting->thrown, LM_DROP_LINK_RING_FULL);
}

static void sift_handshake(struct sifting *sifting, struct rte_mbuf *mbuf)
{
	const struct worker *worker = sifting->worker;
	struct counters *count = &sifting->worker->count;
	struct source source =
		source_read(rte_pktmbuf_mtod(mbuf, const uint8_t *), rte_pktmbuf_data_len(mbuf));

	if (handshakes_offer(worker->link.handshakes_in, mbuf,
			     view_source(worker->view, &source) != 0)) {
		count_add(&count->handshake_in, 1);
		return;
	}
	count_add(&count->handshake_lost, 1);
	sifting->lost++;
	sifting->thrown_mbuf[sifting->thrown++] = mbuf;
}

static void sift_payload(struct sifting *sifting, struct rte_mbuf *mbuf, struct frame_parsed parsed)
{
	struct worker *worker = sifting->worker;
	const uint8_t *payload = rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, parsed.offset);

	switch (lm_link_kind(worker->link.table, payload, parsed.len)) {
	case LM_LINK_FRAME:
		sift_frame(sifting, mbuf, payload, parsed);
		break;
	case LM_LINK_HANDSHAKE:
		sift_handshake(sifting, mbuf);
		break;
	case LM_LINK_NEITHER:
		throw(worker, mbuf, sifting->thrown_mbuf, &sifting->thrown, LM_DROP_LINK_FORMAT);
		break;
	}
}

static void sift(struct sifting *sifting, struct rte_mbuf *mbuf)
{
	struct worker *worker = sifting->worker;
	struct frame_parsed parsed = {.class = FRAME_DROP, .drop = LM_DROP_FRAME};
	const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	struct source source;

	if (mbuf->nb_segs == 1)
		parsed = frame_parse(&worker->view->self, frame, rte_pktmbuf_data_len(mbuf),
				     (struct frame_checked){.ip = port_checked(mbuf).ip,
							    .udp = true});
	switch (parsed.class) {
	case FRAME_PACKET:
		sift_payload(sifting, mbuf, parsed);
		break;
	case FRAME_KERNEL:
		source = source_read(frame, rte_pktmbuf_data_len(mbuf));
		keep(worker, mbuf, share_queue(worker->share, &source, 0));
		break;
	case FRAME_DROP:
		throw(worker, mbuf, sifting->thrown_mbuf, &sifting->thrown, parsed.drop);
		break;
	}
}

static void sift_burst(struct worker *worker, struct rte_mbuf **mbuf, unsigned n)
{
	struct sifting sifting = {.worker = worker};

	for (unsigned i = 0; i < n && i < HEADS_AHEAD; i++)
		rte_prefetch0(mbuf[i]);
	for (unsigned i = 0; i < n && i < FRAMES_AHEAD; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbuf[i], const void *));
	for (unsigned i = 0; i < n; i++) {
		if (i + HEADS_AHEAD < n)
			rte_prefetch0(mbuf[i + HEADS_AHEAD]);
		if (i + FRAMES_AHEAD < n)
			rte_prefetch0(rte_pktmbuf_mtod(mbuf[i + FRAMES_AHEAD], const void *));
		sift(&sifting, mbuf[i]);
	}
	count_add(&worker->count.received, sifting.thrown - sifting.lost);
	worker_free(worker, sifting.thrown_mbuf, sifting.thrown);
}

unsigned sift_receive(struct worker *worker)
{
	struct rte_mbuf *mbuf[LM_BURST];
	unsigned looked = 0, got, most = worker->look < LM_BURST ? worker->look : LM_BURST;

	do {
		got = rte_eth_rx_burst(worker->port->id, (uint16_t)worker->index, mbuf,
				       (uint16_t)most);
		sift_burst(worker, mbuf, got);
		looked += got;
	} while (got >= DRIVER_BURST && worker->arrived + LM_BURST <= worker->look &&
		 looked < SIFT_LOOK);
	return looked;
}
