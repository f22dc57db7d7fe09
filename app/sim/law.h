/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the entropy of a packet that leaves the last layer should be, from rates and delays alone,
 * for an observer of every link who is told where relays' own cover begins and ends.
 *
 * Traced back through the layers, such a packet is at each mix any of those that came, as the
 * mixing says; so it entered the network in a layer l with a probability w_l, a time ago that is
 * the sum of the stays from there on, and is one of a stream of R_l packets a second: those that
 * enter in that layer, but in the last one those of the mix alone that it was seen to leave. Where
 * many are held this gives
 *
 *     H = sum over l of w_l * (log2(R_l / w_l) + h_l)
 *
 * with the differential entropy h_l of that sum. All that is made outside enters in layer 1, and
 * relays' own cover in the layer in which it is made: without such cover H is log2(R) + h_1, for
 * poisson mixing the law of app/gen/entropy.h. Stays, seen backwards, are
 *
 *   poisson  exponential
 *   batch    uniform in an interval to the batch's end; before the last layer another interval,
 *            over which the batch before left
 *   pool     a geometric number of ticks after one that is uniform; flushes by the threshold are
 *            not in the law
 *
 * Nodes of a layer are equal, their ticks and intervals independent, and many enough: with few
 * mixes in a layer the figure of batch and pool is too high.
 */
#pragma once

#include "sim.h"

struct law {
	unsigned layers;
	unsigned nodes[LM_TOPOLOGY_LAYERS + 1]; /* of each layer */
	struct lm_mix_params mix;
	struct lm_topology_cover cover; /* of each relay */
	double clients;                 /* packets a second that all clients send */
};

/* The law of what is simulated. */
void law_set(struct law *law, const struct sim_params *params);

/* Bits; -INFINITY where nothing enters. -ENOMEM is an answer of NAN. */
double law_bits(const struct law *law);

/* The mean stay in one mix. */
double law_stay_us(const struct lm_mix_params *mix);

/* Packets a second that come to the mixes of a layer, 1 .. layers, all together. */
double law_rate(const struct law *law, unsigned layer);
