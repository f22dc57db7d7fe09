/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See trace_report.h: from what was seen of loops to what is said of mixes.
 */
#include <errno.h>
#include <string.h>

#include "trace_report.h"

#define PPM           1e6
#define TESTS_PER_MIX 2 /* for losses and for lateness */

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static bool round_sent(const struct trace_plan *plan, const struct trace_seen *seen, uint32_t round)
{
	for (uint32_t i = 0; i < plan->per_round; i++) {
		if (!seen[round * plan->per_round + i].sent)
			return false;
	}
	return true;
}

/* The loops of one prefix; `which` of per_round, or all. */
static void sum_series(struct trace_series *series, const struct trace_plan *plan,
		       const struct trace_seen *seen, uint32_t which, double *scratch)
{
	uint32_t n = 0;

	memset(series, 0, sizeof(*series));
	for (uint32_t seq = 0; seq < plan->loops; seq++) {
		if ((which < plan->per_round && seq % plan->per_round != which) || !seen[seq].sent)
			continue;
		series->sent++;
		series->lost += !seen[seq].came;
		if (seen[seq].came)
			scratch[n++] = seen[seq].delay_us;
	}
	if (n == 0)
		return;
	qsort(scratch, n, sizeof(*scratch), compare);
	series->median_us = n % 2 ? scratch[n / 2] : (scratch[n / 2 - 1] + scratch[n / 2]) / 2;
}

static struct trace_loop loop_of(const struct trace_seen *seen)
{
	return (struct trace_loop){.came = seen->came, .late_us = seen->delay_us - seen->drawn_us};
}

static void judge_subject(struct trace_result *result, unsigned subject,
			  const struct trace_seen *seen, double *scratch)
{
	struct trace_pairs pairs = {.more_us = scratch};
	uint32_t here, other;

	for (uint32_t round = 0; round < result->plan->rounds; round++) {
		if (!round_sent(result->plan, seen, round) ||
		    !trace_plan_pair(&here, &other, result->plan, subject, round))
			continue;

		struct trace_loop loop = loop_of(&seen[here]), fellow = loop_of(&seen[other]);

		trace_pairs_add(&pairs, &loop, &fellow);
	}
	trace_judge(&result->finding[subject], &pairs, &result->params);
	result->named += result->finding[subject].lossy || result->finding[subject].late;
}

double trace_expected_us(const struct lm_topology *topology)
{
	const struct lm_mix_params *mix = &topology->mix;
	double flush = mix->flush_ppm / PPM, stay = mix->stay_ppm / PPM;

	switch (mix->strategy) {
	case LM_MIX_BATCH: /* from anywhere in an interval to anywhere in the next */
		return topology->layers * (double)mix->interval_us;
	case LM_MIX_POOL: /* 1 / flush ticks between flushes, of which each takes 1 - stay */
		return topology->layers * (double)mix->interval_us *
		       (1 / (flush * (1 - stay)) - 0.5);
	case LM_MIX_POISSON:
		break;
	}
	return topology->layers * (double)mix->mean_delay_us;
}

static enum trace_verdict verdict_of(const struct trace_result *result)
{
	if (result->named > 0)
		return TRACE_FAULT;
	if (result->all.lost == 0)
		return TRACE_NO_FAULT;
	return result->all.lost == result->all.sent ? TRACE_DEAD : TRACE_UNCLEAR;
}

int trace_result_make(struct trace_result *result, const struct trace_plan *plan,
		      const struct trace_seen *seen, double confidence, double late_us,
		      struct lm_error *err)
{
	double *scratch = calloc(plan->loops, sizeof(*scratch));

	*result = (struct trace_result){
		.plan = plan,
		.params = {.confidence = confidence,
			   .tests = TESTS_PER_MIX * plan->subjects,
			   .late_us = late_us},
		.finding = calloc(plan->subjects, sizeof(*result->finding)),
		.expected_us = trace_expected_us(plan->topology),
	};
	if (!scratch || !result->finding) {
		free(scratch);
		trace_result_free(result);
		return lm_error_set(err, ENOMEM, "no memory to judge %u loops", plan->loops);
	}
	for (unsigned i = 0; i < plan->subjects; i++)
		judge_subject(result, i, seen, scratch);
	for (unsigned j = 0; !plan->all && j <= plan->hops; j++)
		sum_series(&result->series[j], plan, seen, j, scratch);
	sum_series(&result->all, plan, seen, UINT32_MAX, scratch);
	result->verdict = verdict_of(result);
	free(scratch);
	return 0;
}

void trace_result_free(struct trace_result *result)
{
	free(result->finding);
	result->finding = NULL;
}
