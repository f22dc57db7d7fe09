/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See plain.h. Frames are in the books as received and sent, and as held in between.
 */
#include "plain.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

static unsigned receive(struct worker *worker)
{
	unsigned n;

	if (worker->unsent_n > 0 ||
	    __atomic_load_n(&worker->shared->phase, __ATOMIC_RELAXED) != PHASE_RUN)
		return 0;
	n = rte_eth_rx_burst(worker->port->id, (uint16_t)worker->index, worker->unsent,
			     (uint16_t)worker->most);
	worker->unsent_n = n;
	count_add(&worker->count.received, n);
	return n;
}

unsigned plain_step(void *context, uint64_t now_us)
{
	struct worker *worker = context;
	unsigned received = receive(worker), sent = stage_tx(worker);

	(void)now_us;
	worker_publish(worker);
	return received + sent;
}

unsigned plain_step_timed(void *context, uint64_t now_us)
{
	struct worker *worker = context;
	uint64_t from = rte_rdtsc(), between;
	unsigned received = receive(worker), sent;

	(void)now_us;
	between = rte_rdtsc();
	stage_count(&worker->time[STAGE_RX], between - from, received);
	sent = stage_tx(worker);
	stage_count(&worker->time[STAGE_TX], rte_rdtsc() - between, sent);
	worker_publish(worker);
	return received + sent;
}
