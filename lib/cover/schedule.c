/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Poisson processes. A gap takes a logarithm: events are rarer than packets by orders of magnitude.
 */
#include "lm_cover.h"

void lm_cover_schedule_init(struct lm_cover_schedule *schedule, struct lm_prng *prng,
			    uint32_t mean_us, uint64_t now_us)
{
	schedule->mean_us = mean_us;
	schedule->next_us =
		mean_us > 0 ? now_us + lm_prng_exponential_us(prng, mean_us) : UINT64_MAX;
}

unsigned lm_cover_due(struct lm_cover_schedule *schedule, struct lm_prng *prng, uint64_t now_us,
		      unsigned max)
{
	unsigned n = 0;

	if (schedule->next_us > now_us)
		return 0;
	if (now_us - schedule->next_us > LM_COVER_CATCH_UP_US) {
		lm_cover_schedule_init(schedule, prng, schedule->mean_us, now_us);
		return 0;
	}
	for (; n < max && schedule->next_us <= now_us; n++)
		schedule->next_us += lm_prng_exponential_us(prng, schedule->mean_us);
	return n;
}
