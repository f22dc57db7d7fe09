/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets built ahead: a bounded ring between one thread that builds and one lcore that sends, in
 * the order of their numbers.
 *
 * The builder waits, asleep, while the ring is full; the sender never waits. Memory: one packet a
 * place, taken by stock_start and given back by stock_stop.
 */
#pragma once

#include <pthread.h>

#include "build.h"

struct stock {
	struct gen_builder *builder;
	size_t packet_len;
	uint32_t places;
	uint8_t *packet;    /* places * packet_len */
	uint32_t *first_id; /* of each place: the mix that takes it */
	uint32_t built;     /* packets put in so far; atomic */
	uint32_t taken;     /* packets taken out so far; atomic */
	bool stop, failed;  /* atomic */
	bool waits;         /* atomic: for the document of the next packet's epoch */
	struct lm_error err;
	bool running;
	pthread_t thread;
};

/*
 * Starts to build all packets of the builder's run, with `places` of them ahead, on this CPU (< 0:
 * any). The builder belongs to the stock until stock_stop.
 */
LM_MUST_CHECK int stock_start(struct stock *stock, struct gen_builder *builder, uint32_t places,
			      int cpu, struct lm_error *err);

/* Ends the thread, also in the middle, and frees. */
void stock_stop(struct stock *stock);

/* Packets built so far; *failed if there will be no more than those, and stock->err says why. */
uint32_t stock_built(const struct stock *stock, bool *failed);

/* All that are ahead now: as many as fit, or all that are left, or all that can be built yet. */
LM_MUST_CHECK bool stock_full(const struct stock *stock);

/*
 * The next packets in order, up to max of them and only as many as stand in one piece: the first at
 * *packet, packet_len apart, their first hops at *first_id. They stay until stock_release(n).
 */
LM_MUST_CHECK uint32_t stock_peek(const struct stock *stock, const uint8_t **packet,
				  const uint32_t **first_id, uint32_t max);
void stock_release(struct stock *stock, uint32_t n);
