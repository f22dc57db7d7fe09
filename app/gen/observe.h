/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What somebody sees who looks at the links of every mix: frames become sightings of packets that
 * come to a mix or leave it, and sightings of the same bytes become flights (entropy.h).
 *
 * Needs no key. Frames are hostile: whatever stands in a capture. One thread; memory grows with the
 * sightings, 32 bytes each, until _free.
 */
#pragma once

#include "entropy.h"
#include "lm_topology.h"

struct observer {
	const struct lm_topology *topology;
	struct datagram_book *book; /* of all nodes' addresses */
	uint32_t mixes;
	uint32_t *mix_of;   /* by place in the topology; ENTROPY_OUTSIDE for a gateway */
	unsigned *layer;    /* of each mix */
	uint32_t *mix_node; /* the place of each mix in the topology */
	uint32_t *seen;     /* at each mix: its packets, coming or leaving */
	struct sighting *sighting;
	uint32_t sightings, room;
	uint32_t again; /* sightings that tell nothing new: the same packet once more at a mix */
};

/* An observer of this topology, which must outlive it. 0, or -ENOMEM and a message. */
LM_MUST_CHECK int observer_make(struct observer *observer, const struct lm_topology *topology,
				struct lm_error *err);
void observer_free(struct observer *observer);

/*
 * A frame seen at a mix, len bytes of it captured. If it is a packet of the network's length to the
 * mix's address, or from it to another node, it is noted; anything else is passed over. -ENOMEM and
 * a message, or 0.
 */
LM_MUST_CHECK int observer_frame(struct observer *observer, const struct lm_topology_node *mix,
				 uint64_t at_ns, const uint8_t *frame, size_t len,
				 struct lm_error *err);

/*
 * Turns sightings into flights, *n of them, for free(): a packet that leaves a mix and comes to one
 * of the next layer is one flight, anything else was seen at one end only. -ENOMEM and a message,
 * or 0. The sightings are sorted; more frames may follow.
 */
LM_MUST_CHECK int observer_flights(struct entropy_flight **flight, uint32_t *n,
				   struct observer *observer, struct lm_error *err);
