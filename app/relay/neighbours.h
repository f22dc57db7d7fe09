/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where to send: for each neighbour the best of its addresses that works, the own address to send
 * from, and the link-layer address of the next hop, from the topology if it stands there, else from
 * the kernel's routes and neighbour table behind the TAP. The kernel does the asking (ARP,
 * neighbour discovery); this only tells it what is needed and reads what it found. An address works
 * if there is a route to it that leaves through the TAP and the next hop's link-layer address is
 * known.
 *
 * What the kernel knew is used for NEIGHBOURS_GRACE_US more while it asks again, so that nothing is
 * lost when an entry is deleted or a route gets another gateway. After it has found that nobody
 * answers, only for want of a better one, until NEIGHBOURS_LAST_US after it was known: answers
 * that come late, from a neighbour that is busy, are no reason to drop what could arrive.
 *
 * Control thread only. Bounds: a place for each link's number; routers' words on MTUs
 * NEIGHBOURS_TOLD a second.
 */
#pragma once

#include "choice.h"
#include "mtu.h"
#include "netlink.h"
#include "view.h"

#define NEIGHBOURS_GRACE_US (UINT64_C(3) * 1000000) /* Linux asks three times, a second apart */
#define NEIGHBOURS_LAST_US  (UINT64_C(10) * 1000000)
#define NEIGHBOURS_TOLD     64

struct neighbour;

struct neighbours {
	struct netlink ask;
	struct netlink hear; /* changes of neighbours, routes, addresses, interfaces */
	int ifindex;         /* of the TAP; 0: there is none */
	int port_ifindex;    /* of the port, if it is one of the kernel's; else 0 */
	unsigned port_mtu;   /* 0: not known */
	const struct frame_self *self;
	struct neighbour *of_link; /* by number */
	uint32_t n;
	uint64_t told_us; /* of routers' words: until then, */
	unsigned told;    /* so many more are taken */
};

/* `ifindex` and `port_ifindex`, `port_mtu`: as above; `self` must stay. */
LM_MUST_CHECK int neighbours_open(struct neighbours *neighbours, int ifindex, int port_ifindex,
				  unsigned port_mtu, const struct frame_self *self,
				  struct lm_error *err);
void neighbours_close(struct neighbours *neighbours);

/* The file descriptor that becomes readable when something may have changed. */
int neighbours_fd(const struct neighbours *neighbours);

/* Reads away what it has heard; true if something may have changed. */
LM_MUST_CHECK bool neighbours_heard(struct neighbours *neighbours);

/* Reads the port's own MTU again, if it can change. */
void neighbours_look(struct neighbours *neighbours);

/* A view_resolve over struct neighbours: also asks the kernel to find or confirm addresses. */
bool neighbours_resolve(void *neighbours, struct frame_way *way, const struct frame_self *self,
			const struct lm_topology_node *node, const struct view_peer *peer);

/*
 * Learns from a frame for the kernel, without its VLAN tag, if it is a router's word on the MTU of
 * a way to a neighbour; true if that changes what is known. Any bytes.
 */
bool neighbours_tell(struct neighbours *neighbours, const uint8_t *frame, size_t len);
