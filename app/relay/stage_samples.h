/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What single bursts cost at each stage of a worker, for a feed: totals (stages.h) count what other
 * programs do on the CPU in the middle of a stage; of many bursts the median and the least do not.
 * A relay on its port keeps no samples.
 *
 * The worker writes, and when its lcore has ended anybody may read. No DPDK.
 */
#pragma once

#include "stages.h"

/* One step of a worker that moved something. */
struct stage_sample {
	uint64_t cycles[STAGE_WORKER];
	unsigned packets[STAGE_WORKER];
};

struct stage_samples;

/* Room for so many; what comes when it is full is not kept. NULL: too little memory. For free(). */
struct stage_samples *stage_samples_make(unsigned room);

void stage_samples_add(struct stage_samples *samples, const struct stage_sample *sample);

/* Cycles a packet. */
struct stage_figure {
	unsigned bursts; /* it is of so many; 0: there is none */
	double median, least;
};

/*
 * Of one stage, over all workers, of bursts of exactly `packets`; of each worker's the first tenth
 * is left out. Allocates; -ENOMEM.
 */
LM_MUST_CHECK int stage_samples_figure(struct stage_figure *out,
				       struct stage_samples *const *samples, unsigned n,
				       enum stage_id stage, unsigned packets);
