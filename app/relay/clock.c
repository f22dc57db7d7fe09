/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See clock.h.
 */
#include "clock.h"

#include <stdlib.h>

#define SECOND_US  INT64_C(1000000)
#define EXTREME_US (INT64_C(1) << 60) /* so that no sum overflows, whatever a liar says */

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

bool clock_skew(int64_t *skew_us, const struct clock_sample *sample, unsigned n, uint64_t now_us)
{
	int64_t sorted[CLOCK_SAMPLES], median;
	unsigned fresh = 0, agree = 0;

	for (unsigned i = 0; i < n && fresh < CLOCK_SAMPLES; i++) {
		int64_t skew = sample[i].skew_us;

		if (now_us - sample[i].when_us > CLOCK_FRESH_US)
			continue;
		skew = skew > EXTREME_US ? EXTREME_US : skew;
		sorted[fresh++] = skew < -EXTREME_US ? -EXTREME_US : skew;
	}
	if (fresh < CLOCK_NEIGHBOURS)
		return false;
	qsort(sorted, fresh, sizeof(sorted[0]), compare);
	median = sorted[fresh / 2];
	for (unsigned i = 0; i < fresh; i++)
		agree += llabs(sorted[i] - median) <= CLOCK_LIMIT_US;
	*skew_us = median;
	return 2 * agree > fresh;
}

uint64_t clock_reached_us(uint64_t wall_us, int64_t theirs_us)
{
	int64_t own_us = (int64_t)wall_us, us;

	us = own_us - theirs_us <= CLOCK_LIMIT_US ? own_us : theirs_us;
	return us > CLOCK_LEAST_US ? (uint64_t)us : CLOCK_LEAST_US;
}

enum clock_verdict clock_judge(const struct lm_topology *topology, uint32_t epoch, uint64_t wall_us,
			       int64_t offset_us)
{
	int64_t span_us = (int64_t)(topology->until_s - topology->from_s) * SECOND_US;
	int64_t begin_us =
		(int64_t)(epoch == topology->epoch ? topology->from_s : topology->until_s) *
		SECOND_US;
	int64_t theirs_us = (int64_t)wall_us + offset_us;

	if (llabs(offset_us) <= CLOCK_LIMIT_US)
		return CLOCK_WELL;
	return theirs_us < begin_us - span_us || theirs_us >= begin_us + 2 * span_us ? CLOCK_USELESS
										     : CLOCK_OFF;
}
