/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a table of benchmarks says to the program that runs them. One table for each library, in a
 * file of its own; a new one is added to `suites` in micro.c.
 */
#pragma once

#include "lm_base.h"

/*
 * What a benchmark's speed is compared with: one operation of libsodium, one item at a time; or
 * ipsec-mb's bare AEAD jobs on the same bytes, burst and backend.
 */
enum baseline {
	BASELINE_SHARED,
	BASELINE_BASE,
	BASELINE_AEAD, /* on bytes of the small profile */
	BASELINE_AEAD_LARGE,
	BASELINES,
};
#define AEADS (BASELINES - BASELINE_AEAD)

struct benchmark {
	const char *name; /* library.operation */
	enum baseline baseline;

	/* Memory for up to LM_BURST items on a backend; ends the program if it cannot be. */
	void *(*setup)(const char *backend);
	/* Puts the input back that run has used up; not timed; NULL if there is none. */
	void (*prepare)(void *context, unsigned n);
	/* The operation on n items. */
	void (*run)(void *context, unsigned n);
	void (*teardown)(void *context);
};

struct suite {
	const struct benchmark *benchmark;
	unsigned count;
	const char *(*backend_name)(unsigned i); /* NULL past the last */
	bool (*backend_usable)(unsigned i);
};

/* The operations of BASELINE_AEAD and what follows it. */
extern const struct benchmark aead_baseline[AEADS];

extern const struct suite x25519_suite, symmetric_suite, packet_suite, mix_suite, link_suite,
	pacer_suite, topology_suite;

/* ---- clock.c ---- */

/* Pins the thread to a CPU (the last it may use if below 0), and returns which. */
int pin_to_cpu(int cpu);

/* Cycles of the time stamp counter a second, measured once against the monotonic clock. */
double measure_tsc(void);

/* Cycles an item: the middle and the least of the samples. */
struct figure {
	double median, least;
};

/*
 * Runs a benchmark on n items and its baseline in turns, after a warm-up; `other` is the context of
 * the baseline where that is one of aead_baseline. *ratio is items a second over the baseline's,
 * by the least that either took: what others do on the machine only adds.
 */
struct figure measure(double *ratio, const struct benchmark *benchmark, void *context, void *other,
		      unsigned n, unsigned samples);

/* The same of the baseline alone. */
struct figure measure_baseline(enum baseline which, unsigned samples);

/* ---- report.c ---- */

void report_start(bool json, int cpu, double tsc);
void report(bool json, const struct benchmark *benchmark, const char *backend, unsigned n,
	    struct figure operation, double ratio, double tsc);

/* ---- micro.c: whether a benchmark was asked for; NULL: all were ---- */

bool is_wanted(const char *name, const char *filter);

/* ---- replay.c: benchmarks that time themselves; burst 0: all sizes; returns how many ran ---- */

unsigned replay_benchmarks(const char *filter, const char *backend, bool json, unsigned burst,
			   unsigned samples, double tsc);
