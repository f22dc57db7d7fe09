/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a run is summed up with, for people and for programs.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "entropy.h"
#include "sim.h"

struct summary {
	const struct sim_params *params;
	const struct results *results;
	const struct entropy *entropy; /* NULL: not measured */
	uint64_t start_us;             /* the recorder's time at the beginning */
	double run_s;                  /* processor time that it took; < 0: do not say */
	double passed_s;               /* and the time that passed */
	unsigned threads;
};

/* Bytes a second that one client sends, packets of its messages and its cover. */
double summary_client_bandwidth(const struct summary *summary);

/* Bytes a second that one mix sends, dummies with them, on the average. */
double summary_mix_bandwidth(const struct summary *summary);

/* Mean of the latencies of messages, in milliseconds; 0 if there was none. */
double summary_mean_ms(const struct results *results);

/* NULL: out of memory. The caller's to release. */
json_t *summary_json(const struct summary *summary);

void summary_print(FILE *to, const struct summary *summary);
