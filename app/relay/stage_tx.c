/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tx: puts new outer headers on what the mixer releases and gives it to the NIC. What the NIC does
 * not take now is kept, and nothing more is taken from the ring until it is gone: a slow link fills
 * the ring, then the mixer, which drops what comes last.
 */
#include <rte_ethdev.h>
#include <string.h>

#include "worker.h"

static void prepare(struct worker *worker, const struct lm_mix_item *item)
{
	const struct view_peer *peer = view_link(worker->view, item->to);

	if (!peer) { /* the topology changed while the packet was held */
		stage_drop(worker, item->packet, LM_DROP_NEXT_UNKNOWN);
		return;
	}
	if (!peer->resolved) {
		stage_drop(worker, item->packet, LM_DROP_UNRESOLVED);
		return;
	}
	port_write_header(worker->port, item->packet, &peer->header);
	worker->unsent_to[worker->unsent_n] = item->to;
	worker->unsent[worker->unsent_n++] = item->packet;
}

unsigned stage_tx(struct worker *worker)
{
	struct lm_mix_item item[LM_BURST];
	unsigned taken = 0, sent;

	if (worker->unsent_n == 0) {
		taken = rte_ring_sc_dequeue_burst_elem(worker->from_mixer, item, sizeof(*item),
						       LM_BURST, NULL);
		for (unsigned i = 0; i < taken; i++)
			prepare(worker, &item[i]);
	}
	if (worker->unsent_n == 0)
		return taken;
	sent = rte_eth_tx_burst(worker->port->id, (uint16_t)worker->index, worker->unsent,
				(uint16_t)worker->unsent_n);
	worker->unsent_n -= sent;
	memmove(worker->unsent, worker->unsent + sent,
		worker->unsent_n * sizeof(worker->unsent[0]));
	memmove(worker->unsent_to, worker->unsent_to + sent,
		worker->unsent_n * sizeof(worker->unsent_to[0]));
	count_add(&worker->count.sent, sent);
	return taken + sent;
}
