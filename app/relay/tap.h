/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The TAP interface behind which the kernel sits: it carries the port's addresses and link-layer
 * address, so the kernel answers ARP, neighbour discovery and ping for the port.
 *
 * Only the control thread reads and writes it; frames travel to and from workers in bounded rings.
 */
#pragma once

#include <rte_ring.h>

#include "port.h"

struct tap {
	int fd; /* -1: there is none */
	int ifindex;
	/* is shown every frame for the kernel, if it is not NULL */
	void (*show)(void *context, const uint8_t *frame, size_t len);
	void *show_context;
	uint16_t vlan; /* what is put on the kernel's frames; FRAME_VLAN_ANY: nothing */
	struct rte_mempool *pool;
	struct rte_ring *to_kernel, *from_kernel;
};

/*
 * Makes the interface config->port.tap with all addresses of `self` and the port's MTU (0: not
 * known), as far as buffers carry it, and brings it up. Needs CAP_NET_ADMIN. The rings and the pool
 * are set by the caller before.
 */
LM_MUST_CHECK int tap_open(struct tap *tap, const struct node_config *config,
			   const struct frame_self *self, unsigned mtu, struct lm_error *err);
void tap_close(struct tap *tap);

/* Moves frames both ways until there are none or a burst is done; returns how many. */
unsigned tap_exchange(struct tap *tap);
