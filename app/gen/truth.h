/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who went where, for certain: from captures at the nodes of a network and the nodes' own keys.
 *
 * A packet on a link is a flight; it has the same bytes at both of its ends and is known by a hash
 * of its header. What a node makes of a packet that comes to it follows from the packet and the
 * node's key: so peeling each flight once, as the node does, names the flight that it became, and
 * nothing is guessed. Flights in a row are a packet's way. One that no other flight became began
 * where it left: at a gateway as somebody's message, at a mix as its own cover.
 *
 * Frames are hostile: whatever stands in a capture. One thread. Memory: 88 bytes a flight, growing.
 * Secret: packets while they are peeled.
 */
#pragma once

#include "datagram.h"
#include "node_keys.h"
#include "records.h"

#define TRUTH_NONE UINT32_MAX

/* One packet on one link. */
struct truth_flight {
	uint8_t id[16];
	uint8_t becomes[16];       /* FWD: the id of what its node makes of it */
	uint64_t left_ns, came_ns; /* since 1970; 0: not seen at that end */
	uint32_t from, to;         /* places in the topology */
	uint32_t next;             /* the flight that it became, or TRUTH_NONE */
	uint32_t packet;           /* its number */
	uint32_t delay_us;         /* FWD: what its node was asked to hold it for */
	uint16_t drop;             /* enum lm_drop: its node has no use for it */
	uint8_t cmd;               /* enum lm_packet_cmd, if it was peeled and not dropped */
	uint8_t hop;               /* links of mixes and gateways before this one */
	bool peeled, follows;      /* with a key of its node; another flight became it */
};

/* One packet on its way through the network. */
struct truth_packet {
	uint32_t first;             /* flight */
	uint32_t sender, recipient; /* places in the topology; where it is lost or on its way: the
				       last one that it was sent to */
	uint64_t made_ns, done_ns;  /* done: 0 unless delivered or ended */
	uint8_t kind, end;          /* enum packet_kind, packet_end */
};

/* What was seen at one node. */
struct truth_node {
	bool captured;
	uint64_t came, left; /* flights */
	uint64_t forwarded;  /* of those that came, what left again */
	uint64_t made;       /* of those that left, what began here */
	uint64_t ended;      /* of those that came: delivered here, or cover that ends here */
	uint64_t missing;    /* of those that came: should have left and were not seen to */
	uint64_t refused;    /* of those that came: the node drops them, by their bytes alone */
	uint64_t unknown;    /* of those that came: no key looks into them */
	uint64_t again;      /* the same packet once more, which nodes drop */
	uint64_t other;      /* frames between nodes that are no bare packets: link frames */
};

struct truth {
	const struct lm_topology *topology;
	const struct node_keys *keys;
	struct datagram_book *book;
	struct lm_packet_peeler *peeler;
	struct truth_waiting *waiting; /* by place: packets to be peeled together */
	struct truth_node *node;       /* by place */
	struct truth_flight *flight;
	uint32_t flights, room;
	uint32_t *table; /* of flights by their ids: open addressing */
	uint32_t slots;
	struct truth_packet *packet;
	uint32_t packets;
	uint64_t first_ns, last_ns; /* of all that was seen */
	uint64_t backwards;         /* flights that came before they left: clocks that differ */
};

/*
 * Topology and keys must outlive it; `backend` is one of lib/symmetric's. 0, or -errno and a
 * message. For _free in every case.
 */
LM_MUST_CHECK int truth_make(struct truth *truth, const struct lm_topology *topology,
			     const struct node_keys *keys, const char *backend,
			     struct lm_error *err);
void truth_free(struct truth *truth);

/*
 * A frame seen at a node, len bytes of it captured: taken if it goes to the node's address or from
 * it to another node's; anything else is passed over. -ENOMEM and a message, or 0.
 */
LM_MUST_CHECK int truth_frame(struct truth *truth, uint32_t place, uint64_t at_ns,
			      const uint8_t *frame, size_t len, struct lm_error *err);

/* When all frames were given: puts flights into order of time, and packets together of them. */
LM_MUST_CHECK int truth_finish(struct truth *truth, struct lm_error *err);

/* When a flight left, and came: where only one end was seen, the same time. */
uint64_t truth_left_ns(const struct truth_flight *flight);
uint64_t truth_came_ns(const struct truth_flight *flight);
