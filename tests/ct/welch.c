/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See welch.h.
 */
#include "welch.h"

#include <math.h>
#include <stdlib.h>

#define CROPS 20 /* percentiles, closer and closer to all */

/* Mean and sum of squared distances from it, both kept as samples come (Welford 1962). */
struct moments {
	double n, mean, squares;
};

static void add(struct moments *moments, double value)
{
	double distance = value - moments->mean;

	moments->n++;
	moments->mean += distance / moments->n;
	moments->squares += distance * (value - moments->mean);
}

static double t_of_first(const struct welch_sample *sample, unsigned long n)
{
	struct moments class[2] = {{0}};
	double variance;

	for (unsigned long i = 0; i < n; i++)
		add(&class[sample[i].class], (double)sample[i].cycles);
	if (class[0].n < 2 || class[1].n < 2)
		return 0;
	variance = class[0].squares / (class[0].n - 1) / class[0].n +
		   class[1].squares / (class[1].n - 1) / class[1].n;
	return variance > 0 ? (class[0].mean - class[1].mean) / sqrt(variance) : 0;
}

static int by_cycles(const void *a, const void *b)
{
	uint64_t x = ((const struct welch_sample *)a)->cycles;
	uint64_t y = ((const struct welch_sample *)b)->cycles;

	return (x > y) - (x < y);
}

/* All samples as fast as the slowest of the first `count`, so that equal times are not parted. */
static unsigned long with_equals(const struct welch_sample *sample, unsigned long n,
				 unsigned long count)
{
	while (count > 0 && count < n && sample[count].cycles == sample[count - 1].cycles)
		count++;
	return count;
}

double welch_t(struct welch_sample *sample, unsigned long n)
{
	double worst;

	qsort(sample, n, sizeof(sample[0]), by_cycles);
	worst = t_of_first(sample, n);
	for (unsigned crop = 1; crop <= CROPS; crop++) {
		double share = 1 - pow(0.5, 10.0 * crop / CROPS);
		double t = t_of_first(sample,
				      with_equals(sample, n, (unsigned long)(share * (double)n)));

		if (fabs(t) > fabs(worst))
			worst = t;
	}
	return worst;
}
