/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * seal: what the mixer releases becomes frames: sealed where links have sessions (seal.c), with new
 * outer headers. Nothing is taken from the ring while the NIC has not taken what was before: a slow
 * link fills the ring, then the mixer, which drops what comes last.
 */
#include "seal.h"

static void prepare(struct worker *worker, const struct lm_mix_item *item)
{
	const struct view_peer *peer = view_link(worker->view, item->to);
	enum lm_drop drop = seal_check(peer);

	if (drop != LM_DROP_NONE) {
		stage_drop(worker, item->packet, drop);
		return;
	}
	port_write_header(worker->port, item->packet, &peer->header);
	worker->unsent_to[worker->unsent_n] = item->to;
	worker->unsent[worker->unsent_n++] = item->packet;
}

/* Dummies are no work that is waited for. */
unsigned stage_seal(struct worker *worker)
{
	struct lm_mix_item item[LM_BURST];
	unsigned n = 0, packets = 0;

	if (worker->unsent_n == 0)
		n = rte_ring_sc_dequeue_burst_elem(worker->from_mixer, item, sizeof(*item),
						   LM_BURST, NULL);

	if (worker->link.table && n > 0) {
		seal_burst(worker, item, n);
		for (unsigned i = 0; i < n; i++)
			packets += item[i].packet != NULL;
		return packets;
	}
	for (unsigned i = 0; i < n; i++)
		prepare(worker, &item[i]);
	return n;
}
