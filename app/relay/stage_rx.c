/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rx: takes what the NIC has, up to a burst. Nothing waits to fill one.
 */
#include <rte_ethdev.h>

#include "worker.h"

static struct burst *free_burst(struct worker *worker)
{
	for (unsigned i = 0; i < WORKER_BURSTS; i++) {
		if (!worker->burst[i].in_use)
			return &worker->burst[i];
	}
	return NULL;
}

unsigned stage_rx(struct worker *worker)
{
	struct burst *burst = free_burst(worker);

	if (!burst || __atomic_load_n(&worker->shared->phase, __ATOMIC_RELAXED) != PHASE_RUN)
		return 0;
	burst->handed = 0;
	burst->n =
		rte_eth_rx_burst(worker->port->id, (uint16_t)worker->index, burst->mbuf, LM_BURST);
	if (burst->n == 0)
		return 0;
	burst->in_use = true;
	worker->filling = burst;
	return burst->n;
}
