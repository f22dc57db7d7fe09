/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tx: seals what the mixer releases where links have sessions (seal.c), puts new outer headers on
 * it and gives it to the NIC. What the NIC does not take now is kept, and nothing more is taken
 * from the ring until it is gone: a slow link fills the ring, then the mixer, which drops what
 * comes last.
 */
#include <rte_ethdev.h>
#include <string.h>

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

/* Returns how many packets it took; dummies are no work that is waited for. */
static unsigned take(struct worker *worker)
{
	struct lm_mix_item item[LM_BURST];
	unsigned n = rte_ring_sc_dequeue_burst_elem(worker->from_mixer, item, sizeof(*item),
						    LM_BURST, NULL);
	unsigned packets = 0;

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

/* Takes the first n off what is unsent; how many of them are packets. */
static unsigned sent(struct worker *worker, unsigned n)
{
	uint64_t first = n < LM_BURST ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
	unsigned dummies = (unsigned)__builtin_popcountll(worker->unsent_dummies & first);

	worker->unsent_n -= n;
	memmove(worker->unsent, worker->unsent + n, worker->unsent_n * sizeof(worker->unsent[0]));
	memmove(worker->unsent_to, worker->unsent_to + n,
		worker->unsent_n * sizeof(worker->unsent_to[0]));
	worker->unsent_dummies = n < LM_BURST ? worker->unsent_dummies >> n : 0;
	count_add(&worker->count.sent, n - dummies);
	count_add(&worker->count.dummy_out, dummies);
	return n - dummies;
}

unsigned stage_tx(struct worker *worker)
{
	unsigned taken = worker->unsent_n == 0 ? take(worker) : 0, n;

	if (worker->unsent_n == 0)
		return taken;
	n = rte_eth_tx_burst(worker->port->id, (uint16_t)worker->index, worker->unsent,
			     (uint16_t)worker->unsent_n);
	return taken + sent(worker, n);
}
