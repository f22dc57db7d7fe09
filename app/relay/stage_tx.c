/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tx: gives frames to the NIC. What it does not take now is kept, and goes first.
 */
#include <rte_ethdev.h>
#include <string.h>

#include "worker.h"

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
	if (worker->unsent_n == 0)
		return 0;
	return sent(worker, rte_eth_tx_burst(worker->port->id, (uint16_t)worker->index,
					     worker->unsent, (uint16_t)worker->unsent_n));
}
