/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a wanted entropy costs: for each rate of clients' cover the mean delay that gives it, with
 * the latency and the bandwidth that follow. Poisson mixing.
 *
 * The law (app/gen/entropy.h) gives a first delay; a simulation measures; what is missing or too
 * much corrects the delay, as a bit is a doubling of it; and so on until it fits.
 */
#pragma once

#include "config.h"
#include "entropy.h"

#define PLAN_TOLERANCE 0.1      /* bits that the entropy may be off the wanted one */
#define PLAN_TRIALS    5        /* simulations for one rate of cover, at most */
#define PLAN_FLIGHTS   20000000 /* that one simulation may have */

struct plan_wish {
	double bits;             /* mean entropy */
	double latency_ms;       /* most of the mean; INFINITY: any */
	double bytes_per_second; /* most of a client; INFINITY: any */
};

/* One rate of cover. */
struct plan_row {
	double cover; /* packets of a client's cover for each packet of its messages */
	uint32_t mean_delay_us;
	unsigned trials;
	double bits, least_bits, law_bits; /* measured; and what the law says */
	double latency_ms, p99_ms, bytes_per_second;
	bool hidden, fast, cheap; /* which wishes it fulfils */
};

/*
 * Finds one row: row->cover says for which rate. Half of the cover are loops, half drop packets;
 * config's own cover of clients is not used, all else is. -EDOM: no delay that a topology allows
 * gives it; or another -errno; with a message.
 */
LM_MUST_CHECK int plan_find(struct plan_row *row, const struct config *config,
			    const struct plan_wish *wish, struct lm_error *err);

/* The row that fulfils all with the least bandwidth; NULL: none does. */
const struct plan_row *plan_best(const struct plan_row *row, unsigned rows);
