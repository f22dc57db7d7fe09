/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Welch's t-test between the times of two classes of inputs, as dudect has it (Reparaz, Balasch and
 * Verbauwhede, "Dude, is my code constant time?", 2017): once over all times, and over those below
 * each of several percentiles, since a leak may hide under interrupts and other slow outliers.
 */
#pragma once

#include <stdint.h>

struct welch_sample {
	uint64_t cycles;
	unsigned class; /* 0 or 1 */
};

/* The t of largest absolute value. Sorts the samples. 0 if nothing varies. */
double welch_t(struct welch_sample *sample, unsigned long n);
