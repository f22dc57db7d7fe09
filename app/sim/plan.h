/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a wanted entropy costs: for each choice of cover the delays that give it, with the latency
 * and the bandwidth that follow.
 *
 * The law (law.h) gives a first delay; a simulation measures; what is missing or too much corrects
 * the delay, as a bit is a doubling of it; and so on until it fits. A row has what was measured,
 * and beside it what the law says of the same network.
 */
#pragma once

#include "config.h"
#include "entropy.h"

#define PLAN_TOLERANCE 0.1      /* bits that the entropy may be off the wanted one */
#define PLAN_LOST      0.001    /* share of packets that may be lost */
#define PLAN_TRIALS    5        /* simulations for one row, at most */
#define PLAN_FLIGHTS   20000000 /* that one simulation may have */

struct plan_wish {
	double bits;             /* mean entropy */
	double latency_ms;       /* most of the mean; INFINITY: any */
	double bytes_per_second; /* most of a client; INFINITY: any */
	double relay_bytes;      /* most of a mix, a second, on the average; INFINITY: any */
};

/* One choice of cover. */
struct plan_row {
	double cover;              /* packets of a client's cover for each packet of its messages */
	double relay_cover;        /* packets of its own cover that a relay makes in a second */
	uint32_t link_interval_us; /* 0: no padding */
	uint32_t delay_us;         /* poisson: the mean; batch: the interval; pool: the tick */
	unsigned trials;
	double bits, least_bits, law_bits; /* measured; and what the law says */
	double latency_ms, p99_ms;
	double bytes_per_second, relay_bytes; /* of a client; of a mix, on the average */
	double network_bytes;                 /* of all clients and mixes together */
	double lost;                          /* share of packets */
	bool hidden, fast, cheap, intact;     /* which wishes it fulfils */
};

/* The cover that config itself has, where nothing else is chosen. */
void plan_start(struct plan_row *row, const struct config *config);

/*
 * Finds one row for its choice of cover. Half of clients' and of relays' cover are loops, half drop
 * packets; config's own is not used, all else is. -EDOM: no delay that a topology allows gives it;
 * or another -errno; with a message.
 */
LM_MUST_CHECK int plan_find(struct plan_row *row, const struct config *config,
			    const struct plan_wish *wish, struct lm_error *err);

/* The row that fulfils all with the least bandwidth of clients and mixes together; NULL: none does.
 */
const struct plan_row *plan_best(const struct plan_row *row, unsigned rows);
