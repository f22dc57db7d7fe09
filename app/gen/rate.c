/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See rate.h.
 */
#include "rate.h"

#include <math.h>

#define PPM  1000000u
#define PACE 1.01 /* how much longer than it should a trial's sending may take */

const char *rate_verdict_name(enum rate_verdict verdict)
{
	static const char *const names[] = {"passed", "lost", "short"};

	LM_ASSERT((unsigned)verdict < LM_COUNT(names));
	return names[verdict];
}

const char *rate_limit_name(enum rate_limit limit)
{
	static const char *const names[] = {"network", "sender", "max", "trials"};

	LM_ASSERT((unsigned)limit < LM_COUNT(names));
	return names[limit];
}

void rate_search_init(struct rate_search *search, const struct rate_params *params)
{
	LM_ASSERT(params->min_pps >= 1 && params->min_pps <= params->start_pps &&
		  params->start_pps <= params->max_pps && params->max_pps <= UINT32_MAX / 2);
	LM_ASSERT(params->resolution_ppm >= 1 && params->resolution_ppm <= PPM);
	LM_ASSERT(params->trials >= 1 && params->trials <= RATE_TRIALS_MAX);
	*search = (struct rate_search){.params = *params};
}

/* No rate between the two is worth a trial. */
static bool close_enough(const struct rate_search *search)
{
	uint64_t low = search->passed_pps, gap;

	if (search->above_pps == 0)
		return low >= search->params.max_pps;
	if (low == 0)
		return search->above_pps <= search->params.min_pps;
	gap = search->above_pps - low;
	return gap <= 1 || gap * PPM <= low * search->params.resolution_ppm;
}

static uint32_t clamp(const struct rate_search *search, uint64_t rate_pps)
{
	if (rate_pps < search->params.min_pps)
		return search->params.min_pps;
	return rate_pps > search->params.max_pps ? search->params.max_pps : (uint32_t)rate_pps;
}

/* Strictly between what passed and what did not. */
static uint32_t between(uint32_t low, uint32_t high)
{
	uint32_t middle = (uint32_t)sqrt((double)low * high);

	if (middle <= low)
		return low + 1;
	return middle >= high ? high - 1 : middle;
}

static uint32_t next_rate(const struct rate_search *search)
{
	if (search->passed_pps == 0 && search->above_pps == 0)
		return search->params.start_pps;
	if (search->above_pps == 0)
		return clamp(search, UINT64_C(2) * search->passed_pps);
	if (search->passed_pps == 0)
		return clamp(search, search->above_pps / 2);
	return between(search->passed_pps, search->above_pps);
}

bool rate_search_next(struct rate_search *search)
{
	bool found = close_enough(search);
	bool last = search->trials + 1 == search->params.trials;

	if (search->trials == search->params.trials)
		return false;
	if (search->params.confirm && search->passed_pps > search->confirmed_pps &&
	    (found || last)) {
		search->next_pps = search->passed_pps;
		search->confirming = true;
		return true;
	}
	if (found)
		return false;
	search->next_pps = next_rate(search);
	search->confirming = search->doubtful;
	return true;
}

void rate_search_take(struct rate_search *search, enum rate_verdict verdict)
{
	uint32_t rate_pps = search->next_pps;

	LM_ASSERT(search->trials < search->params.trials);
	search->trials++;
	if (verdict == RATE_PASSED) {
		search->passed_pps = rate_pps;
		if (search->confirming)
			search->confirmed_pps = rate_pps;
		return;
	}
	search->above_pps = rate_pps;
	search->above = verdict;
	search->doubtful |= search->confirming;
	if (rate_pps <= search->passed_pps) /* passed a short trial and not the long one */
		search->passed_pps = search->confirmed_pps < rate_pps ? search->confirmed_pps : 0;
}

static enum rate_limit limit_of(const struct rate_search *search, uint32_t rate_pps)
{
	if (search->above_pps != 0)
		return search->above == RATE_SHORT ? RATE_BY_SENDER : RATE_BY_NETWORK;
	return rate_pps == search->params.max_pps ? RATE_BY_MAX : RATE_BY_TRIALS;
}

struct rate_result rate_search_result(const struct rate_search *search)
{
	struct rate_result result = {
		.rate_pps = search->params.confirm ? search->confirmed_pps : search->passed_pps,
		.above_pps = search->above_pps,
		.confirmed =
			search->confirmed_pps > 0 && search->confirmed_pps == search->passed_pps,
	};

	result.close = result.rate_pps == search->passed_pps && close_enough(search);
	result.limit = limit_of(search, result.rate_pps);
	return result;
}

enum rate_verdict rate_judge(const struct rate_trial *trial, const struct rate_criteria *criteria)
{
	uint64_t bad = trial->lost + trial->damaged;
	double pace_s = PACE * (double)trial->wanted / trial->rate_pps;

	bool enough = trial->sent == trial->wanted ||
		      (trial->ended && bad * PPM > trial->wanted * criteria->tolerance_ppm);

	if (!enough || trial->late_us > criteria->late_us ||
	    trial->seconds > pace_s + (double)criteria->late_us / PPM)
		return RATE_SHORT;
	if (bad > 0 && trial->port_missed > 0)
		return RATE_SHORT;
	return bad * PPM > trial->sent * criteria->tolerance_ppm ? RATE_LOST : RATE_PASSED;
}
