/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel: sends what the kernel behind the TAP has to say, and control's handshakes. Such frames
 * are few; one that the NIC does not take is lost, as on any wire.
 */
#include <rte_ethdev.h>

#include "worker.h"

#define KERNEL_BURST 8

/* From a ring, which may be missing, to the NIC. */
static unsigned pass(struct worker *worker, struct rte_ring *ring, uint64_t *out, uint64_t *lost)
{
	struct rte_mbuf *mbuf[KERNEL_BURST];
	unsigned n, sent;

	if (!ring)
		return 0;
	n = rte_ring_sc_dequeue_burst(ring, (void **)mbuf, KERNEL_BURST, NULL);
	if (n == 0)
		return 0;
	sent = rte_eth_tx_burst(worker->port->id, (uint16_t)worker->index, mbuf, (uint16_t)n);
	count_add(out, sent);
	count_add(lost, n - sent);
	rte_pktmbuf_free_bulk(mbuf + sent, n - sent);
	return n;
}

unsigned stage_kernel(struct worker *worker)
{
	struct counters *count = &worker->count;

	return pass(worker, worker->from_kernel, &count->kernel_out, &count->kernel_lost) +
	       pass(worker, worker->link.handshakes_out, &count->handshake_out,
		    &count->handshake_lost);
}
