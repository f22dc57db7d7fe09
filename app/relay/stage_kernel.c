/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel: sends what the kernel behind the TAP has to say. Its frames are few; one that the NIC
 * does not take is lost, as on any wire.
 */
#include <rte_ethdev.h>

#include "worker.h"

#define KERNEL_BURST 8

unsigned stage_kernel(struct worker *worker)
{
	struct rte_mbuf *mbuf[KERNEL_BURST];
	unsigned n, sent;

	if (!worker->from_kernel)
		return 0;
	n = rte_ring_sc_dequeue_burst(worker->from_kernel, (void **)mbuf, KERNEL_BURST, NULL);
	if (n == 0)
		return 0;
	sent = rte_eth_tx_burst(worker->port->id, (uint16_t)worker->index, mbuf, (uint16_t)n);
	count_add(&worker->count.kernel_out, sent);
	count_add(&worker->count.kernel_lost, n - sent);
	rte_pktmbuf_free_bulk(mbuf + sent, n - sent);
	return n;
}
