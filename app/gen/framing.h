/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The poller's end of links with sessions: packets become frames before they leave, and frames
 * become packets when they arrive. One lcore owns every lane. Packet path.
 */
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "port.h"
#include "receive.h"
#include "view.h"

struct framing {
	struct lm_link_table *table;    /* NULL: links carry bare packets */
	struct lm_link_worker *context; /* secrets during a burst */
	const struct links *links;      /* whose numbers peers have */
	struct rte_ring *in, *out;      /* handshakes, from and to control */
	unsigned turn;                  /* of the lanes */
};

/*
 * How many of the first n packets, which go to these mixes, can be sent now: up to the first one
 * without a session. Those of the others are good up to the end of the poller's round.
 */
unsigned framing_ready(struct lm_link_session **session, const struct view_peer *const *peer,
		       unsigned n);

/* How many of the first n packets have no session to go by, up to the first one that has. */
unsigned framing_lost(const struct view_peer *const *peer, unsigned n);

/* Makes frames of n <= LM_BURST packets for these sessions, with their outer headers. */
void framing_seal(struct framing *framing, const struct port *port, struct rte_mbuf **mbuf,
		  struct lm_link_session *const *session, const struct view_peer *const *peer,
		  unsigned n);

/*
 * Opens the n <= LM_BURST frames of the arrivals, in place: those that hold a packet of a node that
 * may send here stay, closed up, with their mbufs; the others count as foreign, under their reason,
 * or are dummies, and their mbufs are freed. Returns how many stay.
 */
unsigned framing_open(struct framing *framing, struct gen_receiver *receiver,
		      struct gen_arrival *arrival, struct rte_mbuf **mbuf, unsigned n);

/* Takes a handshake to control; false: it is none, or there is no room, and it stays the caller's.
 */
LM_MUST_CHECK bool framing_handshake(struct framing *framing, struct rte_mbuf *mbuf,
				     struct frame_parsed parsed);
