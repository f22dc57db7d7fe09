/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See tsc.h.
 */
#include "tsc.h"

#include <time.h>
#include <x86intrin.h>

#define NS         UINT64_C(1000000000)
#define TRIES      16
#define MEASURE_NS 100000000
#define SCALE_BITS 40

static double frequency;
static uint64_t scale; /* nanoseconds a tick, in 2^-SCALE_BITS */

static uint64_t read_ns(clockid_t id)
{
	struct timespec now;

	LM_ASSERT(clock_gettime(id, &now) == 0);
	return (uint64_t)now.tv_sec * NS + (uint64_t)now.tv_nsec;
}

void tsc_sample(struct tsc_sample *sample)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t before = __rdtsc();
		uint64_t wall_ns = read_ns(CLOCK_REALTIME);
		uint64_t steady_ns = read_ns(CLOCK_MONOTONIC_RAW);
		uint64_t took = __rdtsc() - before;

		if (took >= least)
			continue;
		least = took;
		*sample = (struct tsc_sample){before + took / 2, wall_ns, steady_ns};
	}
}

double tsc_hz(void)
{
	const struct timespec wait = {.tv_nsec = MEASURE_NS};
	struct tsc_sample from, to;

	if (frequency > 0)
		return frequency;
	tsc_sample(&from);
	(void)nanosleep(&wait, NULL);
	tsc_sample(&to);
	frequency = (double)(to.ticks - from.ticks) * (double)NS /
		    (double)(to.steady_ns - from.steady_ns);
	scale = (uint64_t)((double)NS / frequency * (double)(UINT64_C(1) << SCALE_BITS));
	return frequency;
}

static uint64_t to_ns(uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * scale >> SCALE_BITS);
}

uint64_t tsc_ns(void)
{
	LM_ASSERT(frequency > 0);
	return to_ns(__rdtsc());
}

uint64_t tsc_wall_ns(uint64_t ns, const struct tsc_sample *before, const struct tsc_sample *after)
{
	uint64_t from = to_ns(before->ticks), to = to_ns(after->ticks);
	long double since = (long double)ns - (long double)from, rate = 1;

	if (to > from)
		rate = (long double)(after->wall_ns - before->wall_ns) / (long double)(to - from);
	return before->wall_ns + (uint64_t)(int64_t)(since * rate);
}
