/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where to send: the link-layer address of each next hop, from the topology if it stands there,
 * else from the kernel's routes and neighbour table behind the TAP. The kernel does the asking
 * (ARP, neighbour discovery); this only tells it what is needed and reads what it found. Control
 * thread only.
 */
#pragma once

#include "netlink.h"
#include "view.h"

struct neighbours {
	struct netlink ask;
	struct netlink hear; /* changes of neighbours and routes */
	int ifindex;         /* of the TAP; 0: there is none */
	bool ipv6, ipv4;     /* what this node has */
};

LM_MUST_CHECK int neighbours_open(struct neighbours *neighbours, int ifindex,
				  const struct frame_self *self, struct lm_error *err);
void neighbours_close(struct neighbours *neighbours);

/* The file descriptor that becomes readable when something may have changed. */
int neighbours_fd(const struct neighbours *neighbours);

/* Reads away what it has heard; true if neighbours or routes have changed. */
LM_MUST_CHECK bool neighbours_heard(struct neighbours *neighbours);

/* A view_resolve over struct neighbours: also asks the kernel to find or confirm the address. */
bool neighbours_resolve(void *neighbours, uint8_t mac[6], const struct lm_topology_node *node);
