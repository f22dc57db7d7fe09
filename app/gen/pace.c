/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See pace.h.
 */
#include "pace.h"

#include <math.h>

#define NS        1e9
#define LATEST_NS 9e18 /* later ones are due never, and no sum overflows */

void pace_init(struct pace *pace)
{
	uint8_t seed[32];

	LM_ASSERT(pace->kind != PACE_OWN || pace->speed > 0);
	LM_ASSERT(pace->kind != PACE_RATE || pace->rate_pps > 0);
	LM_ASSERT(pace->arrivals != GEN_BURSTY || pace->burst > 0);
	pace->n = pace->first_ns = pace->last_ns = 0;
	pace->at_ns = 0;
	lm_rand(seed, sizeof(seed));
	lm_prng_init(&pace->prng, seed);
}

/* Exponential with mean 1. */
static double draw_gap(struct lm_prng *prng)
{
	uint64_t high = lm_prng_u32(prng), low = lm_prng_u32(prng);

	return -log(((double)(high << 21 | low >> 11) + 0.5) * 0x1p-53);
}

static double by_rate(struct pace *pace)
{
	double in_burst;

	switch (pace->arrivals) {
	case GEN_POISSON:
		if (pace->n > 0)
			pace->at_ns += draw_gap(&pace->prng) * NS / pace->rate_pps;
		return pace->at_ns;
	case GEN_BURSTY:
		in_burst = (double)(pace->n % pace->burst);
		return ((double)pace->n - in_burst) * NS / pace->rate_pps +
		       (pace->peak ? in_burst * NS / (pace->rate_pps * pace->peak) : 0);
	default:
		return (double)pace->n * NS / pace->rate_pps;
	}
}

uint64_t pace_next_ns(struct pace *pace, uint64_t own_ns)
{
	double due_ns = 0;

	if (pace->n == 0)
		pace->first_ns = own_ns;
	if (pace->kind == PACE_RATE)
		due_ns = by_rate(pace);
	if (pace->kind == PACE_OWN && own_ns > pace->first_ns)
		due_ns = (double)(own_ns - pace->first_ns) / pace->speed;
	pace->n++;
	if (due_ns > LATEST_NS)
		due_ns = LATEST_NS;
	if ((uint64_t)due_ns > pace->last_ns)
		pace->last_ns = (uint64_t)due_ns;
	return pace->last_ns;
}
