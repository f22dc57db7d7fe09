/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much a relay must have room for: packets that the mixer holds, from the rate that the relay
 * is made for and the time that packets stay; and packet buffers, so that receiving never starves
 * because of what is held.
 *
 * Pure arithmetic over the configuration; any thread.
 */
#pragma once

#include <stdio.h>

#include "config.h"
#include "lm_mix.h"

#define CAPACITY_CACHE \
	256 /* buffers in an lcore's cache; DPDK lets it grow to one and a half times */

#define CAPACITY_HANDSHAKES 512 /* both rings of handshakes.h */

/*
 * limits.held, or, where that is 0, what limits.max_packets_per_second makes of it:
 *   batch    that rate times two intervals, and a smallest batch; with min_neighbours above 1 also
 *            times max_wait_us, since a batch of one neighbour waits that long at any rate
 *   pool     a tick at that rate, and twice the threshold
 *   poisson  that rate times the mean delay, and six standard deviations of a Poisson variable of
 *            that mean (the number in an M/G/infinity queue)
 */
uint64_t capacity_held(const struct node_config *config, const struct lm_mix_params *mix);

/*
 * With padding, packets that may wait for slots of their links, beside those in the mix: half as
 * many as are held, so that full links cost the mix nothing. And those of one link at most: at 95 %
 * of its slots, in Poisson arrivals, more than 256 wait with a probability below 10^-11.
 */
#define CAPACITY_LINK 1024
uint64_t capacity_paced(uint64_t held);

/* Buffers by what they are for; each is a bound that some queue has. */
struct capacity_buffers {
	uint64_t held;        /* in the mixer */
	uint64_t own;         /* cover that is built ahead */
	uint64_t descriptors; /* in the NIC's queues */
	uint64_t rings;       /* to and from the mixer, of the sink, to and from the kernel */
	uint64_t links;       /* frames for other workers' lanes, handshakes both ways */
	uint64_t backlog;     /* received, waiting for their turn to be peeled */
	uint64_t bursts;      /* in the hands of the stages and the mixer */
	uint64_t caches;      /* of the lcores and the control thread */
	uint64_t all;
};

struct capacity_buffers capacity_buffers(const struct node_config *config, uint64_t held);

/* Prints the arithmetic of both, a line for each term. */
void capacity_print(FILE *to, const struct node_config *config, const struct lm_mix_params *mix);
