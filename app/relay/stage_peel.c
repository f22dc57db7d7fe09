/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peel: gives the burst to the peeler and takes back what is ready, which may be an earlier burst
 * if the peeler's backend answers later.
 */
#include "worker.h"

/* The burst that an array of items belongs to. */
static struct burst *burst_of(struct worker *worker, const struct lm_packet_peel *item)
{
	for (unsigned i = 0; i < WORKER_BURSTS; i++) {
		if (worker->burst[i].item == item)
			return &worker->burst[i];
	}
	return NULL;
}

static void count_size(struct worker *worker, unsigned n)
{
	unsigned size = 0;

	while (1u << size < n)
		size++;
	count_add(&worker->bursts[size], 1);
	count_add(&worker->burst_packets, n);
}

unsigned stage_peel(struct worker *worker)
{
	struct burst *filling = worker->filling;
	struct lm_packet_peel *item;
	uint64_t authentic;

	if (filling && filling->n == 0) { /* only packets of clients, or none at all */
		filling->authentic = 0;
		worker->peeled = filling;
		return 0;
	}
	if (filling)
		LM_ASSERT(lm_packet_peel_submit(worker->peeler, &worker->view->keyring,
						filling->item, filling->n) == 0);

	unsigned n = lm_packet_peel_collect(worker->peeler, &item, &authentic);

	if (n == 0)
		return 0;
	worker->peeled = burst_of(worker, item);
	LM_ASSERT(worker->peeled && worker->peeled->n == n);
	worker->peeled->authentic = authentic;
	count_size(worker, n);
	return n;
}
