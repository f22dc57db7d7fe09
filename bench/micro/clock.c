/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Timing by the time stamp counter on a pinned core. An operation and its baseline take turns, so
 * that both see the same clock frequency and the same neighbours, and their ratio is the median of
 * the turns' ratios.
 *
 * Where other threads have run in between, the counter went on: such a sample counts by the
 * thread's CPU time, which encloses what was timed and so is the larger of the two wherever nobody
 * did.
 */
#include <sched.h>
#include <sodium.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#include "micro.h"

#define AEAD_RUNS 2 /* of a burst */
#define WARM_UP   5
#define SAMPLE_CYCLES                                                               \
	100000 /* an operation without prepare is repeated until it takes this long \
		*/
#define BASELINE_RUNS 2

static double tsc_hz;

int pin_to_cpu(int cpu)
{
	cpu_set_t allowed;

	CPU_ZERO(&allowed);
	if (cpu < 0) {
		if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
			return -1;
		for (int i = 0; i < CPU_SETSIZE; i++)
			if (CPU_ISSET(i, &allowed))
				cpu = i;
	}
	CPU_ZERO(&allowed);
	CPU_SET(cpu, &allowed);
	return sched_setaffinity(0, sizeof(allowed), &allowed) == 0 ? cpu : -1;
}

double measure_tsc(void)
{
	uint64_t start_us = lm_clock_us(), start = __rdtsc(), now_us;

	do
		now_us = lm_clock_us();
	while (now_us - start_us < 100000);
	tsc_hz = (double)(__rdtsc() - start) * 1e6 / (double)(now_us - start_us);
	return tsc_hz;
}

/* One span of time. */
struct span {
	uint64_t cpu_ns, start;
};

static uint64_t cpu_ns(void)
{
	struct timespec time;

	LM_ASSERT(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static struct span span_begin(void)
{
	struct span span = {.cpu_ns = cpu_ns()};

	span.start = __rdtsc();
	return span;
}

/* Its cycles. */
static double span_end(struct span span)
{
	double counted = (double)(__rdtsc() - span.start);
	double ran = (double)(cpu_ns() - span.cpu_ns) * tsc_hz / 1e9;

	return ran < counted ? ran : counted;
}

static void run_baseline(enum baseline which)
{
	static uint8_t out[32], secret[32], point[32] = {9};

	secret[1]++;
	if (which == BASELINE_SHARED)
		LM_ASSERT(crypto_scalarmult_curve25519(out, secret, point) == 0);
	else
		LM_ASSERT(crypto_scalarmult_curve25519_base(out, secret) == 0);
}

static double time_baseline(enum baseline which)
{
	struct span span = span_begin();

	for (unsigned i = 0; i < BASELINE_RUNS; i++)
		run_baseline(which);
	return span_end(span) / BASELINE_RUNS;
}

/* Cycles an item of `repeat` runs. */
static double time_operation(const struct benchmark *benchmark, void *context, unsigned n,
			     unsigned repeat)
{
	struct span span;

	if (benchmark->prepare)
		benchmark->prepare(context, n);
	span = span_begin();
	for (unsigned i = 0; i < repeat; i++)
		benchmark->run(context, n);
	return span_end(span) / repeat / n;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static struct figure middle(double *sample, unsigned count)
{
	qsort(sample, count, sizeof(*sample), compare);
	return (struct figure){sample[count / 2], sample[0]};
}

/* The baseline of a benchmark on n items. */
static double time_other(const struct benchmark *benchmark, void *other, unsigned n)
{
	if (benchmark->baseline >= BASELINE_AEAD)
		return time_operation(&aead_baseline[benchmark->baseline - BASELINE_AEAD], other, n,
				      AEAD_RUNS);
	return time_baseline(benchmark->baseline);
}

struct figure measure(double *ratio, const struct benchmark *benchmark, void *context, void *other,
		      unsigned n, unsigned samples)
{
	double *taken = calloc(2 * samples, sizeof(*taken)), once = 0;
	struct figure operation;
	unsigned repeat = 1;

	LM_ASSERT(taken);
	for (unsigned i = 0; i < WARM_UP; i++) {
		once = time_operation(benchmark, context, n, 1) * n;
		time_other(benchmark, other, n);
	}
	if (!benchmark->prepare && once < SAMPLE_CYCLES)
		repeat = (unsigned)(SAMPLE_CYCLES / once) + 1;
	for (unsigned i = 0; i < samples; i++) {
		taken[i] = time_operation(benchmark, context, n, repeat);
		taken[samples + i] = time_other(benchmark, other, n);
	}
	operation = middle(taken, samples);
	*ratio = middle(taken + samples, samples).least / operation.least;
	free(taken);
	return operation;
}

struct figure measure_baseline(enum baseline which, unsigned samples)
{
	double *taken = calloc(samples, sizeof(*taken));
	struct figure figure;

	LM_ASSERT(taken);
	for (unsigned i = 0; i < samples; i++)
		taken[i] = time_baseline(which);
	figure = middle(taken, samples);
	free(taken);
	return figure;
}
