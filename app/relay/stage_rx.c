/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rx: takes what the NIC has. Nothing waits to fill a burst; but when more than a burst is there,
 * all of it is taken, up to SHARE_LOOK frames a step, so that what is lost is lost by whose it is
 * and not by whose came last. Beyond that the NIC's own queue overflows, which loses of each sender
 * in proportion to what it sends, and counts (rx_missed): with a step of one burst peeled and
 * SHARE_LOOK taken, at more than SHARE_LOOK / LM_BURST times what the worker can peel.
 */
#include <rte_ethdev.h>

#include "sift.h"

#define DRIVER_BURST 32 /* some drivers never give more in one call */

static struct burst *free_burst(struct worker *worker)
{
	for (unsigned i = 0; i < WORKER_BURSTS; i++) {
		if (!worker->burst[i].in_use)
			return &worker->burst[i];
	}
	return NULL;
}

static unsigned receive(struct worker *worker)
{
	unsigned n = 0, got, most = worker->look < LM_BURST ? worker->look : LM_BURST;

	do {
		got = rte_eth_rx_burst(worker->port->id, (uint16_t)worker->index,
				       worker->arrived_mbuf + n, (uint16_t)most);
		n += got;
	} while (got >= DRIVER_BURST && n + LM_BURST <= worker->look);
	return n;
}

unsigned stage_rx(struct worker *worker)
{
	worker->arrived = 0;
	worker->filling = free_burst(worker);
	if (!worker->filling ||
	    __atomic_load_n(&worker->shared->phase, __ATOMIC_RELAXED) != PHASE_RUN)
		return 0;
	if (worker->pull && share_waiting(worker->share) > 0)
		return 0;
	if (worker->link.table)
		return sift_receive(worker);
	worker->arrived = receive(worker);
	return worker->arrived;
}
