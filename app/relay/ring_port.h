/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port without a wire: a pair of in-memory rings for each worker, so that the stages do not know
 * the difference. What is put on `rx` is received, what was sent is found on `tx`.
 *
 * Rings belong to DPDK and live until the process ends. Each has one producer and one consumer.
 */
#pragma once

#include <rte_ring.h>

#include "port.h"

struct ring_port {
	struct rte_ring *rx[CONFIG_WORKERS], *tx[CONFIG_WORKERS]; /* of mbufs */
};

/*
 * Makes the rings, with as many places as the configuration gives a NIC's queues descriptors, and
 * opens the port on them under the link-layer address that view_resolve_static gives `node`. The
 * port has its pool.
 */
LM_MUST_CHECK int ring_port_open(struct ring_port *rings, struct port *port,
				 const struct node_config *config,
				 const struct lm_topology_node *node, struct lm_error *err);
