/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The time-stamp counter as a clock. DPDK rounds its frequency to 10 MHz, which can be off by a
 * part in a thousand: it is measured here, to about a part in a million, against the kernel's
 * clocks.
 */
#pragma once

#include "lm_base.h"

/* The counter beside the kernel's clocks: read between two readings of it that are close. */
struct tsc_sample {
	uint64_t ticks;
	uint64_t wall_ns;   /* since 1970 */
	uint64_t steady_ns; /* CLOCK_MONOTONIC_RAW: without corrections */
};

void tsc_sample(struct tsc_sample *sample);

/* Ticks a second. The first call takes a tenth of a second; it is made before there are threads. */
double tsc_hz(void);

/* Nanoseconds by the counter since some beginning; tsc_hz was called. */
uint64_t tsc_ns(void);

/*
 * The time since 1970 of a reading of tsc_ns, by samples from before and after it: what lies
 * between them is as the kernel's clock was, corrections and all.
 */
uint64_t tsc_wall_ns(uint64_t ns, const struct tsc_sample *before, const struct tsc_sample *after);
