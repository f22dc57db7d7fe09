/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshake messages between the wire and sessions.h: workers put frames that hold one into a
 * bounded ring, the control thread takes them out, and its own leave by another, as complete
 * frames, like the kernel's.
 *
 * Bounds. Strangers get half of the ring in, so that a flood leaves room for neighbours. What the
 * control thread spends is rationed: HANDSHAKES_PER_SECOND messages, of which one that costs
 * public-key work counts as HANDSHAKES_COSTLY. It is under load, and asks for cookies, while the
 * initiations and responses of the last moments are more than HANDSHAKES_FREE at once and
 * HANDSHAKES_FREE_PER_SECOND after that. What finds a ring full is lost, and counted; the other end
 * asks again.
 *
 * The control thread alone uses this, but for handshakes_offer.
 */
#pragma once

#include <rte_ring.h>

#include "port.h"
#include "sessions.h"
#include "view.h"

#define HANDSHAKES_LANE_PORT       49152 /* UDP source port of lane 0; the others follow */
#define HANDSHAKES_RING            256   /* places of each ring */
#define HANDSHAKES_PER_SECOND      5000
#define HANDSHAKES_COSTLY          16
#define HANDSHAKES_FREE            128
#define HANDSHAKES_FREE_PER_SECOND 64
#define HANDSHAKES_TURN            64 /* messages taken, and as many made, in a turn at most */

/* A right to `most` at once, and so many a second after that. */
struct ration {
	uint64_t per_second, most;
	uint64_t left_us, then_us; /* what is left, as time: 1 / per_second each */
};

/* When no worker can look any more at what has ended before: begin, then ask. */
struct handshakes_quiet {
	void (*begin)(void *context);
	bool (*passed)(void *context);
	void *context;
};

struct handshakes {
	struct sessions *sessions;
	struct rte_ring *in;  /* frames that hold a message */
	struct rte_ring *out; /* frames for the wire */
	const struct port *port;
	const struct frame_self *self;
	struct handshakes_quiet quiet;
	struct ration budget, free;
	bool reclaiming;
	uint64_t mark;
	uint64_t count_us; /* when links are counted again */
	/* for readers: made and put out, lost on the way out, and what became of what came */
	uint64_t out_count, out_lost;
	uint64_t under_load; /* messages that came under load */
	uint64_t result[LM_LINK_RESULTS];
	uint64_t links, links_up; /* peers, and those that can be sent to */
};

/* Makes the rings, with names that begin so; the EAL runs. The other fields are the caller's. */
LM_MUST_CHECK int handshakes_open(struct handshakes *handshakes, int socket, struct lm_error *err);

/* One turn: takes what has come, does what is due, reclaims. Returns how much it did. */
unsigned handshakes_turn(struct handshakes *handshakes, const struct view *view, uint64_t now_us,
			 uint64_t wall_us);

/*
 * Puts a frame that holds a message into the ring; false: no room, and it stays the caller's.
 * `known`: it comes from a neighbour's address. Any worker; packet path.
 */
LM_MUST_CHECK bool handshakes_offer(struct rte_ring *in, struct rte_mbuf *mbuf, bool known);

/* True if one more is within the ration at now_us; takes it. */
bool ration_take(struct ration *ration, unsigned n, uint64_t now_us);
