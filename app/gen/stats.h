/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a run is summed up with: a histogram of latencies, and how much of the sending order is left
 * in the order of arrival.
 *
 * Pure arithmetic; the caller gives all memory.
 */
#pragma once

#include "lm_base.h"

/* ---- Log-linear histogram ---- */

/*
 * The idea of HdrHistogram (Tene, hdrhistogram.org): values below 2^7 have a bucket each, every
 * further octave has 2^6 of equal width. So a quantile is never too low, and too high by less than
 * 1/64 of itself.
 */
#define HISTOGRAM_BITS    7
#define HISTOGRAM_BUCKETS (((64 - HISTOGRAM_BITS) << (HISTOGRAM_BITS - 1)) + (1 << HISTOGRAM_BITS))

struct histogram { /* all zero: empty */
	uint64_t count, min, max;
	double sum;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* Adds all values of another one: as if each had been added. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The lowest and the highest value that bucket i < HISTOGRAM_BUCKETS counts, and its number. */
uint64_t histogram_bucket_lowest(unsigned i);
uint64_t histogram_bucket_highest(unsigned i);
unsigned histogram_bucket_of(uint64_t value);

double histogram_mean(const struct histogram *histogram); /* exact; 0 if empty */

/* How many values are above this one, to the resolution above: those of its own bucket are not. */
uint64_t histogram_above(const struct histogram *histogram, uint64_t value);

/*
 * The smallest value with at least permille / 1000 of all values at or below it, to the resolution
 * above; never outside min .. max. 0 if empty.
 */
uint64_t histogram_quantile(const struct histogram *histogram, unsigned permille);

/* ---- Order ---- */

/*
 * Spearman's rank correlation of arrival order with sending order, window by window. In random
 * order a window of n packets has correlation 0 with variance 1 / (n - 1) (Kendall & Gibbons, "Rank
 * Correlation Methods"), so the mean over windows with weights n - 1 has variance 1 / (sum of
 * weights).
 */
struct order { /* all zero: empty */
	double weighted;
	uint64_t weight;
	uint32_t windows;
};

/*
 * Adds one window: arrival[i] is the place of its i-th packet in the order of arrival; places are
 * distinct. Sorts `scratch`, n elements. Windows of less than two packets say nothing and are left
 * out.
 */
void order_add(struct order *order, const uint32_t *arrival, uint64_t *scratch, uint32_t n);

/* The weighted mean: 1 as sent, 0 random, -1 reversed. 0 if empty. */
double order_correlation(const struct order *order);

/* In random order the mean lies within plus or minus this with probability 99.9 %. */
double order_bound(const struct order *order);
