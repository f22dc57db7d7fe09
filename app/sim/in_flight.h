/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets between two nodes: the event queue of the simulation.
 *
 * Every link takes `latency_us` at least, so what a node does within a window of that length
 * touches no other node before the next window (Lubachevsky, "Efficient distributed event-driven
 * simulations of multiple-loop networks", 1989: bounded lag). So time goes window by window, and in
 * each one node after the other handles all that comes to it, in order of time, while its state is
 * in the cache: no heap orders the events of different nodes, a calendar of windows does (Brown,
 * "Calendar queues", 1988).
 */
#pragma once

#include "lm_base.h"

/* 16 bytes: what a node must know of a packet that comes, without touching the packet. */
struct arrival {
	uint32_t at;       /* microseconds from the beginning of its window */
	uint32_t packet;   /* its place */
	uint32_t delay_us; /* for the node's mix; ARRIVAL_ENDS: it goes no further */
	uint16_t node;
	uint16_t from; /* the link that it comes by, of that node */
};

#define ARRIVAL_ENDS UINT32_MAX

/*
 * Nodes are dealt out to shards, in order: a shard is what one thread handles in one go. What one
 * shard sends to another in a window is a list that nobody else touches.
 */
struct list {
	struct arrival *arrival;
	uint32_t count, room;
};

struct in_flight {
	uint32_t latency_us; /* of a window too */
	uint64_t open;       /* number of the window that is handled or comes next */
	uint64_t open_us;    /* where it begins */
	unsigned windows;    /* a ring of them */
	unsigned shards;
	struct list *list;   /* [window][to][from] */
	struct list *sorted; /* [to][2]: the open window in order, and what sorting needs */
};

/*
 * Nothing is in flight. Links take from latency_us to latency_us + jitter_us; 1 <= latency_us <
 * 2^30; jitter_us <= 1000 * latency_us. Time begins at start_us. -ENOMEM.
 */
LM_MUST_CHECK int in_flight_init(struct in_flight *in_flight, unsigned shards, uint32_t latency_us,
				 uint32_t jitter_us, uint64_t start_us);
void in_flight_free(struct in_flight *in_flight);

/*
 * Adds an arrival (`at` is set here) from one shard to another that is not before the window after
 * the open one, nor later than links may take. One thread for each `from`. -ENOMEM.
 */
LM_MUST_CHECK int in_flight_add(struct in_flight *in_flight, unsigned from, unsigned to,
				uint64_t at_us, const struct arrival *arrival);

/* The beginning of the first window behind the open one in which anything arrives; UINT64_MAX:
 * none. */
uint64_t in_flight_next_us(const struct in_flight *in_flight);

/* Opens the window of a time, not before the open one and not after in_flight_next_us. What was
 * left of the last one is forgotten. */
void in_flight_open(struct in_flight *in_flight, uint64_t at_us);

/* How many arrivals the open window has. */
uint64_t in_flight_count(const struct in_flight *in_flight);

/*
 * The arrivals of the open window at the nodes of a shard, the first of which is first_node: by
 * node, then by time, then by link, and those of one link as they were added: all that come by one
 * link must be of one shard. They are the caller's until the next call for this shard. One thread
 * for each shard, once for each window. -ENOMEM.
 */
LM_MUST_CHECK int in_flight_take(struct in_flight *in_flight, unsigned shard, uint16_t first_node,
				 const struct arrival **arrival, uint32_t *count);

/* Where the open window ends. */
uint64_t in_flight_until_us(const struct in_flight *in_flight);
