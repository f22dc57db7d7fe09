/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UDP datagrams in captured frames, and the nodes at their ends. Frames are hostile: whatever
 * stands in a capture.
 */
#pragma once

#include "lm_topology.h"

/* One end of a datagram: an IPv4 address is ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). */
struct datagram_end {
	uint8_t address[16];
	uint16_t port;
};

struct datagram {
	struct datagram_end from, to;
	const uint8_t *payload;
	size_t len;
};

/*
 * A whole UDP datagram over IPv4 without options, or over IPv6; it points into the frame. False:
 * anything else, none of the network's.
 */
LM_MUST_CHECK bool datagram_parse(struct datagram *datagram, const uint8_t *frame, size_t len);

/* The addresses of all nodes of a topology, which must outlive it; for free(). NULL: no memory. */
LM_MUST_CHECK struct datagram_book *datagram_book_make(const struct lm_topology *topology);

/* The node at one end, or NULL. */
const struct lm_topology_node *datagram_node(const struct datagram_book *book,
					     const struct datagram_end *end);
