/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See stages.h.
 */
#include "stages.h"

#include <inttypes.h>

#define WORDS(type) (sizeof(type) / sizeof(uint64_t))

const char *stage_name(enum stage_id stage)
{
	static const char *const names[] = {
		[STAGE_RX] = "rx",
		[STAGE_OPEN] = "open",
		[STAGE_SHARE] = "share",
		[STAGE_ADMIT] = "admit",
		[STAGE_PEEL] = "peel",
		[STAGE_REPLAY] = "replay",
		[STAGE_ROUTE] = "route",
		[STAGE_SEAL] = "seal",
		[STAGE_TX] = "tx",
		[STAGE_KERNEL] = "kernel",
		[STAGE_MIX_TAKE] = "mix_take",
		[STAGE_MIX_COVER] = "mix_cover",
		[STAGE_MIX_GIVE] = "mix_give",
		[STAGE_FEED] = "feed",
	};

	_Static_assert(LM_COUNT(names) == STAGES, "every stage has a name");
	return names[stage];
}

void stage_time_add(struct stage_time *total, const struct stage_time *one)
{
	uint64_t *to = (uint64_t *)total;
	const uint64_t *from = (const uint64_t *)one;

	for (size_t i = 0; i < WORDS(*total); i++)
		to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

void stage_times_less(struct stage_times *total, const struct stage_times *before)
{
	uint64_t *to = (uint64_t *)total;
	const uint64_t *from = (const uint64_t *)before;

	for (size_t i = 0; i < WORDS(*total); i++)
		to[i] -= from[i];
}

/* Figures of several lcores are of no one moment: what is left may be short of 0 by a little. */
static uint64_t other_cycles(const struct stage_times *times)
{
	uint64_t known = times->rest_cycles;

	for (unsigned i = 0; i < STAGES; i++)
		known += times->of[i].cycles + times->of[i].empty_cycles;
	return times->lcore_cycles > known ? times->lcore_cycles - known : 0;
}

void stage_times_each(const struct stage_times *times,
		      void (*show)(void *context, const char *name, uint64_t value), void *context)
{
	static const char *const figures[] = {"cycles", "bursts", "packets", "empty_cycles"};
	char name[64];

	_Static_assert(LM_COUNT(figures) == WORDS(struct stage_time), "every figure has a name");
	for (unsigned i = 0; i < STAGES; i++) {
		const uint64_t *value = (const uint64_t *)&times->of[i];

		for (unsigned j = 0; j < LM_COUNT(figures); j++) {
			snprintf(name, sizeof(name), "%s_%s", stage_name(i), figures[j]);
			show(context, name, value[j]);
		}
	}
	show(context, "lcore_cycles", times->lcore_cycles);
	show(context, "lcore_rest_cycles", times->rest_cycles);
	show(context, "lcore_other_cycles", other_cycles(times));
}

static void print_one(void *to, const char *name, uint64_t value)
{
	fprintf(to, ", \"%s\": %" PRIu64, name, value);
}

void stage_times_print_json(FILE *to, const struct stage_times *times, uint64_t tsc_hz)
{
	fprintf(to, "{\"tsc_hz\": %" PRIu64, tsc_hz);
	stage_times_each(times, print_one, to);
	fprintf(to, "}");
}
