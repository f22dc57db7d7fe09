/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See timed.h.
 */
#include "timed.h"

#include <string.h>

static void add_worker(struct stage_times *out, const struct worker *worker)
{
	for (unsigned i = 0; i < LM_COUNT(worker->time); i++)
		stage_time_add(&out->of[i], &worker->time[i]);
}

void timed_worker(struct stage_times *out, const struct relay *relay, unsigned worker)
{
	memset(out, 0, sizeof(*out));
	add_worker(out, relay->worker[worker]);
}

void timed_all(struct stage_times *out, const struct relay *relay)
{
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < relay->workers; i++)
		add_worker(out, relay->worker[i]);
	for (unsigned i = 0; i < LM_COUNT(relay->mixer.time); i++)
		stage_time_add(&out->of[STAGE_MIX_TAKE + i], &relay->mixer.time[i]);
	stage_time_add(&out->of[STAGE_FEED], &relay->feed_time);
	for (unsigned i = 0; i < relay->plan.lcores; i++) {
		const struct lcore_time *time = &relay->lcore_time[i];

		out->lcore_cycles += __atomic_load_n(&time->cycles, __ATOMIC_RELAXED);
		out->rest_cycles += __atomic_load_n(&time->rest_cycles, __ATOMIC_RELAXED);
	}
}
