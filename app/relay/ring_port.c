/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See ring_port.h.
 */
#include "ring_port.h"

#include <errno.h>
#include <rte_eth_ring.h>
#include <stdio.h>

#include "view.h"

static struct rte_ring *make_ring(const char *what, unsigned queue, uint64_t places)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "port-%s-%u", what, queue);
	return rte_ring_create(name, (unsigned)places, SOCKET_ID_ANY,
			       RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
}

int ring_port_open(struct ring_port *rings, struct port *port, const struct node_config *config,
		   const struct lm_topology_node *node, struct lm_error *err)
{
	unsigned queues = config->cpus.workers_count;
	int id, rc;

	for (unsigned i = 0; i < queues; i++) {
		rings->rx[i] = make_ring("rx", i, config->port.rx_descriptors);
		rings->tx[i] = make_ring("tx", i, config->port.tx_descriptors);
		if (!rings->rx[i] || !rings->tx[i])
			return lm_error_set(err, ENOMEM,
					    "too little memory for rings: raise "
					    "memory.megabytes");
	}
	id = rte_eth_from_rings("rings", rings->rx, queues, rings->tx, queues, 0);
	if (id < 0)
		return lm_error_set(err, ENODEV, "no port of rings can be made");
	rc = port_open_id(port, (uint16_t)id, config, err);
	view_static_mac(port->mac, node);
	return rc;
}
