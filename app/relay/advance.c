/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See advance.h.
 */
#include "advance.h"

static uint32_t later(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t earlier(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The epoch before the newest document's: it was signed there, or later. */
static uint32_t documented(const struct advance *advance)
{
	return advance->newest > 0 ? advance->newest - 1 : 0;
}

static bool half_has_passed(const struct advance *advance)
{
	return advance->passed_us >= advance->span_us / 2;
}

uint32_t advance_limit(const struct advance *advance)
{
	uint32_t known = later(advance->epoch, documented(advance));

	if (advance->judged)
		return UINT32_MAX;
	/* the first one may end at once: who starts late in an epoch goes over soon after */
	return known + (!advance->entered || half_has_passed(advance));
}

struct documents_target advance_target(const struct documents *documents, uint64_t now_s,
				       uint32_t epoch, uint32_t limit)
{
	struct documents_target target = documents_target(documents, now_s);

	if (target.topology->epoch > limit)
		target.topology = documents->now;
	target.epoch = earlier(target.epoch, limit);
	target.epoch = earlier(target.epoch, target.topology->epoch + 1);
	target.epoch = later(target.epoch, epoch);
	return target;
}

uint32_t advance_epoch_at(const struct lm_topology *topology, uint64_t now_s)
{
	uint64_t span_s = topology->until_s - topology->from_s, before;

	if (now_s >= topology->from_s)
		return lm_topology_epoch_at(topology, now_s);
	before = (topology->from_s - now_s + span_s - 1) / span_s;
	return before < topology->epoch ? topology->epoch - (uint32_t)before : 0;
}

uint32_t advance_sure(const struct advance *advance, uint32_t epoch_now)
{
	uint32_t sure = documented(advance);

	if (advance->judged || half_has_passed(advance))
		sure = later(sure, epoch_now);
	return earlier(sure, advance->epoch);
}
