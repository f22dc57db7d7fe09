/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole mix network in one process, on a virtual clock: clients that send messages and cover,
 * gateways and mixes that are made of the same code as the relay's (lib/mix, lib/cover,
 * lib/topology), links with latencies, and a recorder. There is no public-key work, no link frame
 * and no packet memory; nothing is lost but at bounds that are told.
 *
 *   clients -> in_flight -> node (mix, cover, pacer) -> in_flight -> node ... -> client
 *                    \                \
 *                     +----------------+--> recorder, results
 *
 * Everything follows from the seed, whatever the number of threads. What differs from a real
 * network: README.md.
 */
#pragma once

#include "in_flight.h"
#include "recorder.h"
#include "results.h"

/* What clients do; all intervals are means of Poisson processes, of each client; 0: never. */
struct sim_clients {
	uint32_t count;
	uint32_t contacts; /* drawn for each client, to whom alone it writes; 0: to anybody */
	uint32_t message_interval_us;
	uint32_t parts; /* packets of a message, each with a way of its own */
	/*
	 * Loopix: packets leave the client at these times only, a message's if one waits, else a
	 * drop packet. 0: packets of a message leave at once.
	 */
	uint32_t send_interval_us;
	uint32_t loop_interval_us, drop_interval_us;
};

struct sim_params {
	const struct lm_topology *topology; /* outlives the simulation */
	uint64_t seed;
	uint64_t duration_us;
	uint64_t settle_us; /* < duration_us */
	struct sim_clients clients;
	uint32_t latency_us; /* of a link; >= 1 */
	uint32_t jitter_us;  /* and uniformly up to so much more; <= 1000 * latency_us */
	uint32_t held_max;   /* packets that a mix holds at most */
	uint32_t live_max;   /* packets on their way in the whole network at most */
	unsigned weakness;   /* enum weakness_kind, of every node; test builds */
	unsigned threads;    /* >= 1; the run is the same with any number of them */
};

struct sim;

/* Called now and then with the virtual time that is past, of duration_us. */
typedef void sim_progress_fn(void *context, uint64_t done_us, uint64_t duration_us);

/* *sim is for sim_free; the recorder outlives it. -errno and a message; *sim is then NULL. */
LM_MUST_CHECK int sim_make(struct sim **sim, const struct sim_params *params,
			   struct recorder *recorder, struct lm_error *err);
void sim_free(struct sim *sim);

/* Runs to the end; once. progress may be NULL. -errno and a message. */
LM_MUST_CHECK int sim_run(struct sim *sim, sim_progress_fn *progress, void *context,
			  struct lm_error *err);

/* After the run; what is on its way is counted as that. */
const struct results *sim_results(const struct sim *sim);

/* The virtual time at which the run begins, in the recorder's times. */
uint64_t sim_start_us(const struct sim *sim);
