/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the cycles of polling lcores go: each stage of the worker's and the mixer's loops, timed by
 * the time-stamp counter while the relay's switch `stages` is on. Off, nothing is timed, and
 * nothing in a stage asks: the lcore takes another loop.
 *
 * Totals alone, of all packets since the start, which only grow: never anything about one packet.
 * The names, and all of the form, are what `/linemix/stages` and the members "stages" of --json say
 * (README.md).
 *
 * Each lcore writes figures of its own; anybody may read them. Nothing allocated, no DPDK.
 */
#pragma once

#include <stdio.h>

#include "counters.h"

/* In the order of a packet's way. */
enum stage_id {
	STAGE_RX,
	STAGE_OPEN,
	STAGE_SHARE,
	STAGE_ADMIT,
	STAGE_PEEL,
	STAGE_REPLAY,
	STAGE_ROUTE,
	STAGE_SEAL,
	STAGE_TX,
	STAGE_KERNEL,
	STAGE_MIX_TAKE, /* rings of the workers -> mix */
	STAGE_MIX_COVER,
	STAGE_MIX_GIVE, /* what is due -> rings of the workers, sink */
	STAGE_FEED,     /* not the relay's: the feeder of --feed */
	STAGES,
};

#define STAGE_WORKER (STAGE_KERNEL + 1) /* how many are a worker's */

/* One stage's calls. Those that moved nothing are apart: what polling costs is no packet's. */
struct stage_time {
	uint64_t cycles, bursts, packets; /* of calls that moved something */
	uint64_t empty_cycles;
};

/* The whole of an lcore's time while it is timed. */
struct lcore_time {
	uint64_t cycles;
	uint64_t rest_cycles; /* of them, in rests after rounds that moved nothing */
} LM_CACHE_ALIGNED;

/* All of them, and the lcores together. */
struct stage_times {
	struct stage_time of[STAGES];
	uint64_t lcore_cycles, rest_cycles;
};

/* "rx", "open" ... */
const char *stage_name(enum stage_id stage);

/* Counts one call. Its writer alone. */
static inline void stage_count(struct stage_time *time, uint64_t cycles, unsigned moved)
{
	if (moved == 0) {
		count_add(&time->empty_cycles, cycles);
		return;
	}
	count_add(&time->cycles, cycles);
	count_add(&time->bursts, 1);
	count_add(&time->packets, moved);
}

/* total += one; `one` may be changing. */
void stage_time_add(struct stage_time *total, const struct stage_time *one);

/* total -= before, figure by figure. */
void stage_times_less(struct stage_times *total, const struct stage_times *before);

/*
 * Calls show for every figure with its name: of a stage "rx_cycles", "rx_bursts", "rx_packets" and
 * "rx_empty_cycles", then "lcore_cycles", "lcore_rest_cycles" and "lcore_other_cycles": what no
 * stage and no rest has taken, the loops themselves.
 */
void stage_times_each(const struct stage_times *times,
		      void (*show)(void *context, const char *name, uint64_t value), void *context);

/* The same as one JSON object, which begins with "tsc_hz". */
void stage_times_print_json(FILE *to, const struct stage_times *times, uint64_t tsc_hz);
