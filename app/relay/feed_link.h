/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The other ends of a fed relay's links, and of one that replays a capture with a seed. These have
 * no network: this makes up a link key for the relay and for each of its neighbours, in memory and
 * for this process alone, shakes hands with the relay by direct calls, and seals a capture's
 * packets as their senders would have. So what is measured is what a relay on a NIC does, and
 * nothing that it trusts is weakened: a feed's relay has no port.
 *
 * Garbage is of three kinds: frames under an index that nobody has, frames under a live index with
 * a forged tag, and initiations by a stranger that are well made for the relay's key.
 *
 * The control thread alone uses this, but for feed_link_garbage, which one lcore calls.
 */
#pragma once

#include "relay.h"

#define FEED_LINK_SIDE 32 /* neighbours of feed_link_make_some before the relay, and after it */

enum feed_garbage {
	FEED_UNKNOWN,
	FEED_FORGED,
	FEED_HANDSHAKE,
	FEED_THROWN, /* made as the first, and thrown away by the feeder: what that alone costs */
	FEED_GARBAGE,
};

struct feed_link;

/*
 * Draws the keys and puts the public ones into relay->topology; before relay_build. NULL and a
 * message on failure; for feed_link_free.
 */
LM_MUST_CHECK struct feed_link *feed_link_make(struct relay *relay, struct lm_error *err);
void feed_link_free(struct feed_link *link); /* NULL is allowed */

/* The same with no more than FEED_LINK_SIDE neighbours before the relay and after it each; the
 * others have no sessions. */
LM_MUST_CHECK struct feed_link *feed_link_make_some(struct relay *relay, struct lm_error *err);

/* Whether it is the end of this node. */
LM_MUST_CHECK bool feed_link_has(const struct feed_link *link, uint32_t id);

/* A session with every neighbour; relay->shared.view is set, and no lcore runs yet. */
LM_MUST_CHECK int feed_link_connect(struct feed_link *link, struct lm_error *err);

/* Bytes of a sealed frame at most. */
size_t feed_link_room(const struct feed_link *link);

/*
 * The frame that carries the packet of a captured one to the id `to`, the relay's as a rule, by the
 * session of the neighbour that sent it; returns its length, and in *lane its lane. 0: it is no
 * packet of a neighbour's.
 */
size_t feed_link_seal(struct feed_link *link, uint8_t *out, unsigned *lane, const uint8_t *frame,
		      size_t len, uint32_t to);

/* Writes one frame of garbage; `random` makes it differ from others. Returns its length. */
size_t feed_link_garbage(const struct feed_link *link, uint8_t *out, enum feed_garbage kind,
			 uint64_t random);
