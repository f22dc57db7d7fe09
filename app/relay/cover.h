/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relay's own cover: the control thread builds loops and drop packets ahead and judges what
 * becomes of the loops; the mixer sends what is due and never waits; workers recognise the loops
 * that return (struct shared).
 *
 * Bounds: two stocks and a table of loops, whose sizes the configuration gives. A stock that is
 * empty when cover is due loses that packet (`starved`); a table that is full builds no more loops.
 */
#pragma once

#include "config.h"
#include "counters.h"
#include "cover_stock.h"

enum cover_kind { COVER_LOOP, COVER_DROP, COVER_KINDS };

struct cover {
	struct lm_cover_table *loops;
	struct cover_stock stock[COVER_KINDS];
	/* mean gaps, as the topology has them; 0: none, or not yet. Control writes */
	uint32_t interval_us[COVER_KINDS];

	/* control's */
	uint32_t places;         /* in the table */
	struct lm_hash topology; /* that the stocks were built for, if any */
	bool followed;
	struct lm_packet_builder *builder;
	struct lm_packet_build *build; /* LM_BURST of them; zero between two bursts */
	struct lm_prng ways;
	struct lm_cover_judge judge;
	uint64_t begin_us;         /* when cover begins, whatever is not resolved by then */
	uint64_t next_us;          /* when the table is looked at again */
	bool has_way[COVER_KINDS]; /* in this topology, for this node */
	bool begun, ended;
	uint32_t epoch;               /* the same */
	enum lm_topology_phase phase; /* the same */
	/* written by control, read by telemetry */
	uint64_t back, lost, late, alarms;
	enum lm_cover_verdict verdict;

	/* the mixer's */
	struct lm_cover_schedule schedule[COVER_KINDS] LM_CACHE_ALIGNED;
	struct lm_prng gaps; /* its own: what others send does not show in when cover leaves */
	bool short_of_fill;  /* a batch waits for cover that was not there */
	/* written by the mixer, read by telemetry */
	uint64_t sent, starved;
};

struct relay;

/* Prints how often cover is sent, and whether there are places for so many loops. */
void cover_describe(FILE *to, const struct relay *relay);

/*
 * Makes stocks, table and builder, on the NUMA node `socket`; part of relay_build. Randomness comes
 * from lm_rand.
 */
LM_MUST_CHECK int cover_open(struct relay *relay, int socket, uint64_t now_us,
			     struct lm_error *err);

/*
 * control, often: collects and judges loops, and builds at most one burst. A topology that is not
 * the one of the last call makes the stocks anew and excuses the loops that are on their way; the
 * stocks are also made anew when another phase of the epoch begins (wall_us, UTC). Limits of the
 * configuration that have changed start the judging anew; stocks and table keep their sizes. Says
 * on stderr when the verdict changes. Returns how many packets it built: call again soon, if any.
 */
unsigned cover_step(struct relay *relay, uint64_t now_us, uint64_t wall_us);

/* No more loops and drop packets are sent, only what batches still need. */
void cover_end(struct cover *cover);

/* Wipes and frees what is not DPDK's. */
void cover_close(struct cover *cover);
