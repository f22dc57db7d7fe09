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

struct sink {
	struct rte_ring *ring; /* of mbufs that start with a service header */
	const struct services *services;
	int socket_ipv4, socket_ipv6;
	pthread_t thread;
	bool stop;
	unsigned in_hand; /* taken from the ring and not yet counted */
	struct counters count;
};

/* Opens the sockets and starts the thread. */
LM_MUST_CHECK int sink_start(struct sink *sink, struct lm_error *err);

/* Sends what is still in the ring, then ends the thread and closes the sockets. */
void sink_stop(struct sink *sink);

/* Packets that the sink owns; exact when nothing moves. */
unsigned sink_held(const struct sink *sink);
