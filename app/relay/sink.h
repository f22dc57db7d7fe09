/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sink: sends what ends at a gateway to its services, one UDP datagram a packet, from a thread
 * of its own, so that no worker makes a system call. Its ring is bounded; the mixer drops what does
 * not fit.
 */
#pragma once

#include <pthread.h>
#include <rte_ring.h>

#include "counters.h"
#include "services.h"

/* How the thread ends: not yet, when its ring is empty, or with what it has in hand. */
enum sink_stop { SINK_RUN, SINK_FINISH, SINK_LEAVE };

struct sink {
	struct rte_ring *ring;    /* of mbufs that start with a service header */
	pthread_mutex_t lock;     /* of services; no lcore takes it */
	struct services services; /* the sink's copy */
	int socket_ipv4, socket_ipv6;
	pthread_t thread;
	enum sink_stop stop;
	unsigned in_hand; /* taken from the ring and not yet counted */
	uint64_t turn;    /* odd while it looks or delivers; greater after packets were in hand */
	struct counters count;
};

/* The first thing for a sink. */
void sink_init(struct sink *sink, const struct services *services);

/* From now on this table; what is in the ring for a service that is not in it is lost, and counted.
 */
void sink_set_services(struct sink *sink, const struct services *services);

/* Opens the sockets and starts the thread. */
LM_MUST_CHECK int sink_start(struct sink *sink, struct lm_error *err);

/* Ends the thread in this way, then closes the sockets. What SINK_LEAVE leaves is in the ring. */
void sink_stop(struct sink *sink, enum sink_stop how);

/* Packets that the sink owns; exact when nothing moves. */
unsigned sink_held(const struct sink *sink);
