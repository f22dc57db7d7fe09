/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See schedule.h.
 */
#include "schedule.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define NS UINT64_C(1000000000)

/* Exponential with mean 1. */
static double draw_gap(struct lm_prng *prng)
{
	uint64_t high = lm_prng_u32(prng), low = lm_prng_u32(prng);

	return -log(((double)(high << 21 | low >> 11) + 0.5) * 0x1p-53);
}

int schedule_make(struct schedule *schedule, const struct gen_run *run, struct lm_error *err)
{
	struct lm_prng prng;
	double at = 0;

	*schedule = (struct schedule){.run = *run};
	if (run->arrivals != GEN_POISSON || run->rate_pps == 0)
		return 0;
	schedule->due_ns = calloc(run->count, sizeof(*schedule->due_ns));
	if (!schedule->due_ns)
		return lm_error_set(err, ENOMEM,
				    "no memory for the times of %u packets; send fewer",
				    run->count);
	gen_run_prng(&prng, run);
	for (uint32_t seq = 1; seq < run->count; seq++) {
		at += draw_gap(&prng) * (double)NS / run->rate_pps;
		schedule->due_ns[seq] = (uint64_t)at;
	}
	return 0;
}

void schedule_free(struct schedule *schedule)
{
	free(schedule->due_ns);
	memset(schedule, 0, sizeof(*schedule));
}

uint64_t schedule_due_ns(const struct schedule *schedule, uint32_t seq)
{
	const struct gen_run *run = &schedule->run;
	uint64_t in_burst;

	if (schedule->due_ns)
		return schedule->due_ns[seq];
	if (run->rate_pps == 0)
		return 0;
	if (run->arrivals != GEN_BURSTY)
		return seq * NS / run->rate_pps;
	in_burst = seq % run->burst;
	return (seq - in_burst) * NS / run->rate_pps +
	       (run->peak ? in_burst * NS / ((uint64_t)run->rate_pps * run->peak) : 0);
}

uint32_t schedule_due(const struct schedule *schedule, uint64_t passed_ns, uint32_t known,
		      uint32_t most)
{
	uint32_t count = schedule->run.count;
	uint32_t end = count - known < most ? count : known + most;

	while (known < end && schedule_due_ns(schedule, known) <= passed_ns)
		known++;
	return known;
}
