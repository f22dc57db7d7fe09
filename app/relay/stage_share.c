/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * share: makes the burst that is peeled. When nothing waits and no more than a burst has arrived,
 * that is all there is. Else everything goes by its source into the backlog, and the burst is what
 * the queues there give in turn; what finds no room in the backlog is thrown away (overload).
 *
 * A frame that is thrown away costs a look at its first bytes, a draw and its share of a bulk free:
 * all that must stay small against a peel, whatever the load.
 */
#include <rte_prefetch.h>

#include "worker.h"

/* Frames ahead of the one that is looked at: their buffers' heads, then their first bytes, are on
 * the way. Few, since buffers lie at equal places in their pages, of which a cache holds few. */
#define HEADS_AHEAD  32
#define FRAMES_AHEAD 16

_Static_assert(LM_BURST == 64, "burst.received is a bit for each frame");

static void prefetch_frame(const struct rte_mbuf *mbuf)
{
	rte_prefetch0(rte_pktmbuf_mtod(mbuf, const void *));
}

/* Who sent it, and so whose turn it uses up. */
static uint32_t queue_of(const struct worker *worker, const struct rte_mbuf *mbuf)
{
	struct source source =
		source_read(rte_pktmbuf_mtod(mbuf, const uint8_t *), rte_pktmbuf_data_len(mbuf));

	return share_queue(worker->share, &source, view_source(worker->view, &source));
}

/* Sorts what has arrived; returns how many of it are UDP. */
static unsigned sort(struct worker *worker, struct share_entry *entry)
{
	unsigned n = worker->arrived, udp = 0;

	for (unsigned i = 0; i < n && i < HEADS_AHEAD; i++)
		rte_prefetch0(worker->arrived_mbuf[i]);
	for (unsigned i = 0; i < n && i < FRAMES_AHEAD; i++)
		prefetch_frame(worker->arrived_mbuf[i]);
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *mbuf = worker->arrived_mbuf[i];

		if (i + HEADS_AHEAD < n)
			rte_prefetch0(worker->arrived_mbuf[i + HEADS_AHEAD]);
		if (i + FRAMES_AHEAD < n)
			prefetch_frame(worker->arrived_mbuf[i + FRAMES_AHEAD]);
		entry[i] = (struct share_entry){.packet = mbuf, .queue = queue_of(worker, mbuf)};
		udp += entry[i].queue < SHARE_QUEUE_OTHERS;
	}
	return udp;
}

/* Adds what has arrived to the backlog; what has no room there ends here. */
static void add(struct worker *worker, const struct share_entry *entry, unsigned arrived)
{
	void *thrown[SHARE_LOOK];
	unsigned others, n;

	share_weigh(worker->share,
		    worker->view->node->role == LM_TOPOLOGY_GATEWAY && worker->view->before > 0
			    ? worker->view->before
			    : 1);
	n = share_add(worker->share, entry, arrived, thrown, &others);
	count_add(&worker->count.drop[LM_DROP_OVERLOAD], n - others);
	count_add(&worker->count.kernel_lost, others);
	worker_free(worker, thrown, n);
}

static void fill(struct burst *burst, const struct share_entry *entry, unsigned n)
{
	burst->n = n;
	burst->handed = 0;
	burst->received = 0;
	for (unsigned i = 0; i < n; i++) {
		burst->mbuf[i] = entry[i].packet;
		burst->from[i] = entry[i].queue <= LINKS_MAX ? (uint16_t)entry[i].queue : 0;
		burst->received |= (uint64_t)(entry[i].queue < SHARE_QUEUE_OTHERS) << i;
	}
	burst->in_use = n > 0;
}

unsigned stage_share(struct worker *worker)
{
	struct share_entry entry[SHARE_LOOK];
	struct burst *burst = worker->filling;
	unsigned n;

	if (!burst)
		return 0;
	if (worker->link.table) {
		n = worker->opened_n;
		memcpy(entry, worker->opened, n * sizeof(entry[0]));
	} else {
		n = worker->arrived;
		count_add(&worker->count.received, sort(worker, entry));
	}
	if (n > worker->most || share_waiting(worker->share) > 0) {
		if (n > 0)
			add(worker, entry, n);
		n = share_take(worker->share, entry, worker->most);
	}
	fill(burst, entry, n);
	if (n == 0)
		worker->filling = NULL;
	return n;
}
