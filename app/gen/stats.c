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

unsigned histogram_bucket_of(uint64_t value)
{
	unsigned shift = lost_bits(value);

	return shift * HALF + (unsigned)(value >> shift);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->bucket[histogram_bucket_of(value)]++;
	if (histogram->count == 0 || value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->sum += (double)value;
	histogram->count++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	if (from->count == 0)
		return;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
	if (into->count == 0 || from->min < into->min)
		into->min = from->min;
	if (from->max > into->max)
		into->max = from->max;
	into->sum += from->sum;
	into->count += from->count;
}

/* Bits that the values of a bucket have lost. */
static unsigned bucket_shift(unsigned i)
{
	return i < 2 * HALF ? 0 : i / HALF - 1;
}

uint64_t histogram_bucket_lowest(unsigned i)
{
	unsigned shift = bucket_shift(i);

	return (uint64_t)(i - shift * HALF) << shift;
}

uint64_t histogram_bucket_highest(unsigned i)
{
	return histogram_bucket_lowest(i) + ((UINT64_C(1) << bucket_shift(i)) - 1);
}

double histogram_mean(const struct histogram *histogram)
{
	return histogram->count ? histogram->sum / (double)histogram->count : 0;
}

uint64_t histogram_above(const struct histogram *histogram, uint64_t value)
{
	uint64_t above = 0;

	for (unsigned i = histogram_bucket_of(value) + 1; i < HISTOGRAM_BUCKETS; i++)
		above += histogram->bucket[i];
	return above;
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
	return histogram_bucket_highest(i) < histogram->max ? histogram_bucket_highest(i)
							    : histogram->max;
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
