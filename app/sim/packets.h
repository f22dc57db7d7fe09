/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packets that are on their way: one cache line each, named by their place in a table that
 * grows. Nothing of a packet exists but its way, its delays and what it is.
 */
#pragma once

#include "lm_topology.h"
#include "records.h"

#define PACKET_HOPS (LM_TOPOLOGY_LAYERS + 1)

struct packet {
	uint64_t made_us;
	uint32_t sender, recipient; /* nodes and clients, numbered as in recorder.h */
	uint32_t number;            /* of all packets that were ever made */
	uint32_t next;              /* in a list: of free places, of a client's messages */
	uint32_t delay_us[PACKET_HOPS];
	uint16_t path[PACKET_HOPS]; /* nodes */
	uint8_t hops, at;           /* path[at] is where it goes next; hops: it is at the last */
	uint8_t kind;
	bool exits;   /* the last hop holds it and gives it to the recipient; else it ends there */
	uint8_t seen; /* links that it has crossed */
};

_Static_assert(sizeof(struct packet) == 64, "one cache line");

struct packets {
	struct packet *packet;
	uint32_t room, most; /* places that there are, and that there may be */
	uint32_t fresh;      /* places from here on have never been used */
	uint32_t freed;      /* list of those that are free again */
	uint32_t made;       /* since the start */
	uint32_t live;
};

/* An empty table of at most `most` packets at a time; 1 <= most < 2^31. */
void packets_init(struct packets *packets, uint32_t most);
void packets_free(struct packets *packets);

/*
 * A place for a new packet, zeroed but for its number and time; PACKET_NONE: as many are on their
 * way as may, or 2^32 - 1 have been made, or there is no memory. Places move: keep none across a
 * call.
 */
LM_MUST_CHECK uint32_t packets_add(struct packets *packets, uint64_t made_us);
void packets_remove(struct packets *packets, uint32_t place);

/* The first place from this one on that has a packet; PACKET_NONE: there is none. */
uint32_t packets_next(const struct packets *packets, uint32_t place);
