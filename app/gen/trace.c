/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See trace.h.
 */
#include "trace.h"

#include <math.h>

#define RANKS_LEAST 10 /* below, the normal approximation is none */
#define HALVINGS    50
#define NEGLIGIBLE  1e-18 /* a further term of a sum, beside the sum */

void trace_pairs_add(struct trace_pairs *pairs, const struct trace_loop *here,
		     const struct trace_loop *other)
{
	pairs->pairs++;
	pairs->came += here->came;
	pairs->other_came += other->came;
	pairs->lost_here += other->came && !here->came;
	pairs->lost_there += here->came && !other->came;
	if (here->came && other->came)
		pairs->more_us[pairs->both++] = here->late_us - other->late_us;
}

static double log_choose(uint32_t n, uint32_t k)
{
	return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
}

double trace_binomial_tail(uint32_t n, uint32_t k, double p)
{
	double sum = 0;

	if (k == 0)
		return 1;
	for (uint32_t i = k; i <= n; i++) {
		double term = exp(log_choose(n, i) + i * log(p) + (n - i) * log1p(-p));

		sum += term;
		if (i > n * p && term < sum * NEGLIGIBLE)
			break;
	}
	return fmin(1, sum);
}

static int compare_sizes(const void *a, const void *b)
{
	double left = fabs(*(const double *)a), right = fabs(*(const double *)b);

	return (left > right) - (left < right);
}

double trace_signed_rank(double *value, uint32_t n)
{
	double above = 0, ties = 0, variance;
	uint32_t zeros = 0, same;

	qsort(value, n, sizeof(*value), compare_sizes);
	while (zeros < n && value[zeros] == 0)
		zeros++;
	value += zeros;
	n -= zeros;
	if (n < RANKS_LEAST)
		return 1;
	for (uint32_t i = 0; i < n; i += same) {
		double rank;

		for (same = 1; i + same < n && fabs(value[i + same]) == fabs(value[i]);)
			same++;
		rank = i + (same + 1) / 2.0;
		for (uint32_t j = i; j < i + same; j++)
			above += value[j] > 0 ? rank : 0;
		ties += ((double)same * same - 1) * same;
	}
	variance = n * (n + 1.0) * (2.0 * n + 1) / 24 - ties / 48;
	return erfc((above - n * (n + 1.0) / 4 - 0.5) / sqrt(2 * variance)) / 2;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double median(double *value, uint32_t n)
{
	if (n == 0)
		return 0;
	qsort(value, n, sizeof(*value), compare);
	return n % 2 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
}

/* The p at which k of n or fewer have probability `level`: Clopper & Pearson, 1934. */
static double highest_share(uint32_t n, uint32_t k, double level)
{
	double low = 0, high = 1;

	for (unsigned i = 0; k < n && i < HALVINGS; i++) {
		double middle = (low + high) / 2;

		if (1 - trace_binomial_tail(n, k + 1, middle) > level)
			low = middle;
		else
			high = middle;
	}
	return high;
}

void trace_judge(struct trace_finding *finding, struct trace_pairs *pairs,
		 const struct trace_params *params)
{
	double level = (1 - params->confidence) / params->tests;

	*finding = (struct trace_finding){.p_loss = 1, .p_late = 1, .loss_most = 1};
	if (pairs->pairs == 0)
		return;
	finding->p_loss =
		trace_binomial_tail(pairs->lost_here + pairs->lost_there, pairs->lost_here, 0.5);
	finding->p_late = trace_signed_rank(pairs->more_us, pairs->both);
	finding->more_us = median(pairs->more_us, pairs->both);
	if (pairs->other_came > 0) {
		finding->loss = fmax(0, 1 - (double)pairs->came / pairs->other_came);
		finding->loss_most = highest_share(pairs->other_came, pairs->lost_here, level);
	}
	finding->lossy = finding->p_loss <= level;
	finding->late = finding->p_late <= level && finding->more_us >= params->late_us;
	finding->state = exp2(-(double)pairs->other_came) > level ? TRACE_TOO_FEW : TRACE_JUDGED;
}
