/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The entropy of a message over who it could be, under poisson mixing, for somebody who sees every
 * link.
 *
 * The observer knows the topology and the mean delay. It sees when each packet comes to a mix and
 * when each leaves it, and knows a packet on a link at both of its ends, where it has the same
 * bytes. Inside a mix it has times alone. Delays are exponential with one mean, so every way to
 * match comings with leavings, none before its coming, is equally likely: the sum of all delays is
 * the same in each. Walking back in time from a leaving, the message is therefore the packet that
 * comes with probability 1 / n, n being those in the mix at that time, this one with them, if it
 * was not one of those met before. That is the recursion of Loopix (Piotrowska et al. 2017,
 * section 4.2, after Danezis 2004), which follows a message forwards, read backwards; it is exact,
 * and no model of what enters is in it. What leaves the last layer is so traced through all layers
 * to a probability for each packet that entered, and the figure is the mean of -sum p log2 p over
 * the messages (Serjantov & Danezis 2002; Diaz et al. 2002).
 *
 * The law that it must follow: the sum of L exponential delays is Erlang(L), whose differential
 * entropy is h_L = (L + ln Gamma(L) + (1 - L) psi(L)) / ln 2 bits for mu = 1. Where `rate` packets
 * a second enter, and many are held, the entropy is log2(rate / mu) + h_L: h_3 = 2.665.
 *
 * The figure says what equal and independent exponential delays hide at the times that were seen;
 * that relays keep to the delays is for tests of the mixing itself to show.
 *
 * Every packet that comes to a mix must leave it, and nothing else may leave: own cover of relays
 * enters a mix unseen, and dropped packets are taken for ones still held. Only the order of events
 * at one mix counts, so clocks of mixes need not agree, but for which messages are measured: those
 * that leave ENTROPY_SETTLE mean delays a layer after the first packet entered, when the mixes are
 * as full as they get, and before the last one did.
 */
#pragma once

#include "lm_base.h"

#define ENTROPY_OUTSIDE  UINT32_MAX
#define ENTROPY_SETTLE   6
#define ENTROPY_MESSAGES 8192 /* measured at most, evenly spread over all */

/* A packet on a link. Between two mixes it goes from one layer to the next. */
struct entropy_flight {
	uint32_t from, to; /* mixes, 0 .. mixes - 1; ENTROPY_OUTSIDE: seen at one end only */
	uint64_t left_ns;  /* `from`; not used if it is outside */
	uint64_t came_ns;  /* to `to`; likewise */
};

/* What was seen, and what the observer knows. */
struct entropy_seen {
	const struct entropy_flight *flight;
	uint32_t flights;      /* at most 2^31 - 1 */
	const unsigned *layer; /* of each mix: 1 .. layers */
	uint32_t mixes;
	unsigned layers;
	double mean_s; /* of the delays of one hop */
};

struct entropy {
	uint32_t messages;     /* measured; 0: too short a time was seen, and bits are 0 */
	double bits;           /* mean over them */
	double least_bits;     /* of the least hidden one */
	double law_bits;       /* what the law says for `rate_pps` */
	double rate_pps;       /* packets that entered, over the time in which they did */
	double least_held;     /* mean number of packets in the emptiest mix, over the same time */
	uint32_t entered;      /* packets */
	uint32_t strays;       /* that entered behind the first layer, or left before the last */
	uint32_t broken_mix;   /* -EDOM: the mix that sent more than it had received */
	uint64_t broken_at_ns; /* and when */
};

/*
 * 0; -ENOMEM; or -EDOM if a mix sends a packet while it can hold none. Takes about 200 bytes a
 * flight, and time in proportion to ENTROPY_MESSAGES and the number that a mix holds.
 */
LM_MUST_CHECK int entropy_measure(struct entropy *entropy, const struct entropy_seen *seen);

/* log2(rate_pps * mean_s) + h_layers; layers >= 1. */
double entropy_law(double rate_pps, double mean_s, unsigned layers);
