/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What packets need of the way to a neighbour, and what routers say of it.
 *
 * All packets of a network have one length and carry "don't fragment": a way with a smaller MTU
 * loses every one of them. Nothing here makes packets smaller. What routers say (ICMP) anyone can
 * forge, so that it leads to an alarm and to nothing else.
 *
 * Pure functions over bytes; any thread.
 */
#pragma once

#include "frame.h"

#define MTU_KEPT_US (UINT64_C(600) * 1000000) /* what a router said; as long as Linux keeps it */

/* The IP packet that carries a packet of packet_len bytes, in a link's frame if there are sessions.
 */
unsigned mtu_needed(size_t packet_len, bool sessions, bool ipv6);

/* A router's word that UDP from an own address to another one is too large. */
struct mtu_report {
	struct lm_topology_address from, to; /* their ports too */
	unsigned mtu;                        /* of the next link there */
};

/*
 * Reads an ICMP "fragmentation needed" (RFC 1191) or ICMPv6 "packet too big" (RFC 4443, 3.2) out of
 * len bytes of an untagged Ethernet frame; reads nothing past them, whatever they hold. False: it
 * is none, or none about UDP, or its MTU is below what every link has (68; 1280).
 */
LM_MUST_CHECK bool mtu_read(struct mtu_report *report, const uint8_t *frame, size_t len);
