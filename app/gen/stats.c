/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See stats.h.
 */
#include "stats.h"

#include <math.h>

#define HALF               (1u << (HISTOGRAM_BITS - 1)) /* buckets of an octave */
#define NORMAL_999_PERCENT 3.2905                       /* two-sided quantile */

/* Bits that a value loses on its way into a bucket. */
static unsigned lost_bits(uint64_t value)
{
	unsigned bits = value ? 64 - (unsigned)__builtin_clzll(value) : 0;

	return bits > HISTOGRAM_BITS ? bits - HISTOGRAM_BITS : 0;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	unsigned shift = lost_bits(value);

	histogram->bucket[shift * HALF + (value >> shift)]++;
	if (histogram->count == 0 || value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->count++;
}

/* The largest value of a bucket. */
static uint64_t bucket_top(unsigned i)
{
	unsigned shift = i < 2 * HALF ? 0 : i / HALF - 1;
	uint64_t mantissa = i - shift * HALF;

	return (mantissa << shift) + ((UINT64_C(1) << shift) - 1);
}

uint64_t histogram_quantile(const struct histogram *histogram, unsigned permille)
{
	uint64_t rank = (uint64_t)(((unsigned __int128)histogram->count * permille + 999) / 1000);
	uint64_t below = 0;
	unsigned i = 0;

	if (rank <= 1)
		return histogram->min;
	while (i < HISTOGRAM_BUCKETS - 1 && below + histogram->bucket[i] < rank)
		below += histogram->bucket[i++];
	return bucket_top(i) < histogram->max ? bucket_top(i) : histogram->max;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

void order_add(struct order *order, const uint32_t *arrival, uint64_t *scratch, uint32_t n)
{
	double squares = 0;

	if (n < 2)
		return;
	for (uint32_t i = 0; i < n; i++)
		scratch[i] = (uint64_t)arrival[i] << 32 | i;
	qsort(scratch, n, sizeof(*scratch), compare);
	for (uint32_t rank = 0; rank < n; rank++) {
		double apart = (double)rank - (double)(uint32_t)scratch[rank];

		squares += apart * apart;
	}
	order->weighted += (n - 1) * (1 - 6 * squares / ((double)n * ((double)n * n - 1)));
	order->weight += n - 1;
	order->windows++;
}

double order_correlation(const struct order *order)
{
	return order->weight ? order->weighted / (double)order->weight : 0;
}

double order_bound(const struct order *order)
{
	return order->weight ? fmin(1, NORMAL_999_PERCENT / sqrt((double)order->weight)) : 1;
}
