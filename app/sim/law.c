/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See law.h. Densities of sums are convolved on a grid of fractions of an interval.
 */
#include "law.h"

#include <math.h>

#define PPM      1e6
#define US_PER_S 1e6
#define STEPS    32   /* of an interval */
#define TAIL     1e-9 /* of a pool's stays that is left out */
#define RARE     0.02 /* a pool whose packets leave more rarely is as good as exponential */
#define EULER    0.57721566490153286

/* ---- The network ---- */

static double per_second(uint32_t interval_us)
{
	return interval_us > 0 ? US_PER_S / interval_us : 0;
}

void law_set(struct law *law, const struct sim_params *params)
{
	const struct lm_topology *topology = params->topology;
	const struct sim_clients *clients = &params->clients;
	double sends = clients->send_interval_us > 0
			       ? per_second(clients->send_interval_us)
			       : clients->parts * per_second(clients->message_interval_us);

	*law = (struct law){.layers = topology->layers,
			    .mix = topology->mix,
			    .cover = topology->cover,
			    .clients = clients->count *
				       (sends + per_second(clients->loop_interval_us) +
					per_second(clients->drop_interval_us))};
	for (unsigned layer = 0; layer <= topology->layers; layer++)
		law->nodes[layer] = topology->layer_nodes[layer];
}

/* ---- Stays ---- */

/* The chance that a packet in a pool leaves at a tick. */
static double leaves(const struct lm_mix_params *mix)
{
	return mix->flush_ppm / PPM * (1 - mix->stay_ppm / PPM);
}

double law_stay_us(const struct lm_mix_params *mix)
{
	switch (mix->strategy) {
	case LM_MIX_BATCH: /* half an interval until the batch is closed, and half of the next */
		return (double)mix->interval_us;
	case LM_MIX_POOL:
		return (double)mix->interval_us * (1 / leaves(mix) - 0.5);
	default:
		return mix->mean_delay_us;
	}
}

/* A density on the grid: probabilities of its steps. */
struct density {
	double *p;
	size_t n;
};

static bool density_make(struct density *density, size_t n)
{
	density->n = n;
	density->p = calloc(n, sizeof(*density->p));
	return density->p != NULL;
}

/* *sum becomes that of itself and another, independent one. */
static bool convolve(struct density *sum, const struct density *other)
{
	struct density result;

	if (!density_make(&result, sum->n + other->n - 1))
		return false;
	for (size_t i = 0; i < sum->n; i++)
		for (size_t k = 0; k < other->n; k++)
			result.p[i + k] += sum->p[i] * other->p[k];
	free(sum->p);
	*sum = result;
	return true;
}

/* One stay in ticks: uniform in an interval, and a geometric number of further ones. */
static bool make_stay(struct density *stay, double leaves)
{
	size_t ticks = leaves < 1 ? (size_t)ceil(log(TAIL) / log1p(-leaves)) : 1;

	if (!density_make(stay, ticks * STEPS))
		return false;
	for (size_t i = 0; i < stay->n; i++)
		stay->p[i] = leaves * pow(1 - leaves, (double)(i / STEPS)) / STEPS;
	return true;
}

/* Differential entropy, in bits, for a step of `step` seconds. */
static double entropy_of(const struct density *density, double step)
{
	double bits = 0;

	for (size_t i = 0; i < density->n; i++)
		if (density->p[i] > 0)
			bits -= density->p[i] * log2(density->p[i] / step);
	return bits;
}

/* Of the sum of n stays on the grid; NAN: no memory. */
static double grid_bits(double leaves, unsigned n, double interval_s)
{
	struct density stay = {0}, sum = {0};
	double bits = NAN;
	bool good = make_stay(&stay, leaves) && make_stay(&sum, leaves);

	for (unsigned i = 1; i < n && good; i++)
		good = convolve(&sum, &stay);
	if (good)
		bits = entropy_of(&sum, interval_s / STEPS);
	free(stay.p);
	free(sum.p);
	return bits;
}

/* Of the sum of n exponential ones with this mean: Erlang. */
static double erlang_bits(double mean_s, unsigned n)
{
	double psi = -EULER;

	for (unsigned i = 1; i < n; i++)
		psi += 1.0 / i;
	return log2(mean_s) + (n + lgamma(n) + (1.0 - n) * psi) / log(2);
}

/* Of the time since a packet that leaves the last layer entered the n-th before its end. */
static double stays_bits(const struct lm_mix_params *mix, unsigned n)
{
	double interval_s = (double)mix->interval_us / US_PER_S;

	switch (mix->strategy) {
	case LM_MIX_BATCH:
		return grid_bits(1, 2 * n - 1, interval_s);
	case LM_MIX_POOL:
		if (leaves(mix) < RARE)
			return erlang_bits(interval_s / leaves(mix), n);
		return grid_bits(leaves(mix), n, interval_s);
	default:
		return erlang_bits(mix->mean_delay_us / US_PER_S, n);
	}
}

/* ---- Rates ---- */

static double loops(const struct law *law, unsigned layer)
{
	return law->nodes[layer] * per_second(law->cover.loop_interval_us);
}

/* What the nodes of a layer make themselves. */
static double own(const struct law *law, unsigned layer)
{
	return loops(law, layer) + law->nodes[layer] * per_second(law->cover.drop_interval_us);
}

/* What comes from before: cover of layers before, and loops of layers behind on their way back. */
static double passing(const struct law *law, unsigned layer)
{
	double rate = law->clients;

	for (unsigned from = 0; from < layer; from++)
		rate += own(law, from);
	for (unsigned from = layer + 1; from <= law->layers; from++)
		rate += loops(law, from);
	return rate;
}

double law_rate(const struct law *law, unsigned layer)
{
	return passing(law, layer) + own(law, layer);
}

double law_bits(const struct law *law)
{
	double left = 1, bits = 0;

	for (unsigned layer = law->layers; layer >= 1; layer--) {
		double rate = layer > 1 ? own(law, layer) : law_rate(law, layer);
		double share = layer > 1 ? left * rate / law_rate(law, layer) : left;

		/* the mix that it left is seen; before that it may have been at any */
		if (layer == law->layers)
			rate /= law->nodes[layer];

		if (share > 0)
			bits += share * (log2(rate / share) +
					 stays_bits(&law->mix, law->layers - layer + 1));
		left -= share;
	}
	return bits;
}
