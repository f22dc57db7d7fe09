/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Outer headers: Ethernet, VLAN, IPv4 or IPv6, UDP. What comes in is checked and classified, what
 * goes out is built new from constants, so that no TTL, DSCP, ECN, IP id or flow label survives a
 * relay.
 *
 * Pure functions over bytes: no DPDK objects, nothing allocated, any thread.
 */
#pragma once

#include "lm_base.h"
#include "lm_topology.h"

#define FRAME_HEADER_MAX 66 /* Ethernet 14, VLAN 4, IPv6 40, UDP 8 */
#define FRAME_VLAN_ANY   0  /* untagged frames, or any one tag */

/* Who this port is. */
struct frame_self {
	uint8_t mac[6];
	uint16_t vlan; /* FRAME_VLAN_ANY, or the only VLAN id taken, which is then also put on what
			  is sent */
	unsigned addresses;
	struct lm_topology_address address[LM_TOPOLOGY_ADDRESSES]; /* with their UDP ports */
};

/* True if it has an address of that family. */
LM_MUST_CHECK bool frame_has_family(const struct frame_self *self, bool ipv6);

enum frame_class {
	FRAME_PACKET, /* UDP for this node: the payload is at [offset, offset + len) */
	FRAME_KERNEL, /* ARP, neighbour discovery, ping, words on MTUs: for the TAP and control */
	FRAME_DROP,   /* for the named reason */
};

struct frame_parsed {
	enum frame_class class;
	enum lm_drop drop; /* FRAME_DROP: FRAME, FOREIGN, IP, FRAGMENT or UDP */
	uint16_t offset;   /* FRAME_PACKET: of the UDP payload */
	uint16_t len;      /* FRAME_PACKET: of the UDP payload */
};

/* Checksums that the NIC has found good need not be computed again. */
struct frame_checked {
	bool ip, udp;
};

/* Classifies len bytes from the wire. Reads nothing past them, whatever they hold. */
struct frame_parsed frame_parse(const struct frame_self *self, const uint8_t *frame, size_t len,
				struct frame_checked checked);

/*
 * True if an untagged frame that was FRAME_KERNEL is a router's word on what is too large. Control
 * reads it (mtu.h); the kernel, which would believe it of any route, does not get it.
 */
LM_MUST_CHECK bool frame_is_word(const uint8_t *frame, size_t len);

/* Everything in front of the payload, complete but for lengths and checksums of one packet. */
struct frame_header {
	uint8_t bytes[FRAME_HEADER_MAX];
	uint16_t len;       /* of the header */
	uint16_t ip_offset; /* of the IP header in it */
	bool ipv6;
};

/* How a node is sent to. */
struct frame_way {
	uint8_t from, to; /* places among the addresses of `self` and of the node: of one family */
	uint8_t mac[6];   /* of the next hop */
	uint16_t mtu;     /* of the way, as far as it is known; 0: it is not */
};

/*
 * The own address, by its place, to send from to that address: of its family the one that begins
 * with the most of the same bits (RFC 6724, 5, rule 8), of several the first. -1: none.
 */
LM_MUST_CHECK int frame_own(const struct frame_self *self, const struct lm_topology_address *to);

/*
 * The way to the first of a node's addresses whose family `self` has; mac and mtu are zero. False:
 * there is none.
 */
LM_MUST_CHECK bool frame_way_first(struct frame_way *way, const struct frame_self *self,
				   const struct lm_topology_node *node);

/* Makes the header from `self` to a node on that way. */
void frame_header_init(struct frame_header *header, const struct frame_self *self,
		       const struct lm_topology_node *node, const struct frame_way *way);

/*
 * Makes the header of an answer to a frame that frame_parse has found to be FRAME_PACKET: from
 * where it was sent to, to where it came from.
 */
void frame_answer_init(struct frame_header *header, const struct frame_self *self,
		       const uint8_t *frame);

/* Where that frame came from: IPv4 as ::ffff:a.b.c.d. */
void frame_source(uint8_t address[16], uint16_t *port, const uint8_t *frame);

#define FRAME_ADDRESS_TEXT 56 /* bytes of an address and port as text, with its NUL */

/* "192.0.2.1:7000" or "[2001:db8::1]:7000". */
void frame_address_text(char text[FRAME_ADDRESS_TEXT], const struct lm_topology_address *address);

/* To which address and port a header that is made leads. */
struct lm_topology_address frame_header_to(const struct frame_header *header);

/* Another UDP source port in a header that is made. */
void frame_header_from_port(struct frame_header *header, uint16_t port);

/*
 * Writes the header in front of a payload of payload_len bytes at `payload`, which has header->len
 * bytes of room before it, with lengths and IPv4 header checksum. The UDP checksum is computed if
 * `udp_checksum`, else left as the pseudo-header sum that NICs with checksum offload expect.
 * Returns the frame's start.
 */
uint8_t *frame_write(const struct frame_header *header, uint8_t *payload, size_t payload_len,
		     bool udp_checksum);

/* The locally administered address that stands for a node where no kernel resolves one: 02:00 and
 * its id. */
void frame_mac_of_id(uint8_t mac[6], uint32_t id);
