/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See capacity.h.
 */
#include "capacity.h"

#include <inttypes.h>

#include "share.h"

#define HELD_MAX (UINT64_C(1) << 31) /* what lib/mix takes */
#define SIGMAS   6

/* rate * time, rounded up. */
static uint64_t in_time(uint64_t per_second, uint64_t time_us)
{
	return (uint64_t)(((unsigned __int128)per_second * time_us + 999999) / 1000000);
}

/* The square root of n < 2^62, rounded up. */
static uint64_t root(uint64_t n)
{
	uint64_t low = 0, high = UINT64_C(1) << 31;

	while (low < high) {
		uint64_t middle = (low + high) / 2;

		if (middle * middle >= n)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* What is held is the sum of these. */
struct held {
	uint64_t time_us; /* at the full rate */
	uint64_t moving;  /* in that time */
	uint64_t beside;  /* a smallest batch, two thresholds, or six standard deviations */
};

static struct held held_terms(uint64_t rate_pps, const struct lm_mix_params *mix)
{
	struct held held = {0};

	switch (mix->strategy) {
	case LM_MIX_BATCH:
		held.time_us = 2 * mix->interval_us;
		if (mix->min_neighbours > 1)
			held.time_us += mix->max_wait_us;
		held.beside = mix->min_batch;
		break;
	case LM_MIX_POOL:
		held.time_us = mix->interval_us;
		held.beside = 2 * (uint64_t)mix->threshold;
		break;
	case LM_MIX_POISSON:
		held.time_us = mix->mean_delay_us;
		held.beside = SIGMAS * root(in_time(rate_pps, held.time_us));
		break;
	}
	held.moving = in_time(rate_pps, held.time_us);
	return held;
}

uint64_t capacity_held(const struct node_config *config, const struct lm_mix_params *mix)
{
	struct held held = held_terms(config->limits.max_packets_per_second, mix);
	uint64_t sum = held.moving + held.beside;

	if (config->limits.held > 0)
		return config->limits.held;
	return sum < HELD_MAX ? sum : HELD_MAX;
}

uint64_t capacity_paced(uint64_t held)
{
	return held / 2 > LM_BURST ? held / 2 : LM_BURST;
}

struct capacity_buffers capacity_buffers(const struct node_config *config, uint64_t held)
{
	uint64_t workers = config->cpus.workers_count, ring = config->limits.ring;
	uint64_t cache = CAPACITY_CACHE * 3 / 2;
	struct capacity_buffers buffers = {
		.held = held,
		.own = config->limits.own,
		.descriptors =
			workers * (config->port.rx_descriptors + config->port.tx_descriptors),
		.rings = workers * 2 * ring + 3 * ring,
		.backlog = workers * (SHARE_BACKLOG + SHARE_LOOK),
		/* two at a worker's peeler, one that the NIC did not take, one in the mixer's hand
		 */
		.bursts = workers * 4 * LM_BURST + LM_BURST,
		.caches = (workers + 2) * cache,
	};

	if (config->link.mode == CONFIG_LINK_NOISE)
		buffers.links = workers * ring + CAPACITY_HANDSHAKES;
	buffers.all = buffers.held + buffers.own + buffers.descriptors + buffers.rings +
		      buffers.links + buffers.backlog + buffers.bursts + buffers.caches;
	return buffers;
}

static void print_held(FILE *to, const struct node_config *config, const struct lm_mix_params *mix)
{
	static const char *const beside[] = {
		[LM_MIX_BATCH] = "a smallest batch",
		[LM_MIX_POOL] = "two thresholds",
		[LM_MIX_POISSON] = "six standard deviations",
	};
	uint64_t rate_pps = config->limits.max_packets_per_second;
	struct held held = held_terms(rate_pps, mix);

	if (config->limits.held > 0)
		fprintf(to, "held: %" PRIu64 " packets, from limits.held; ", config->limits.held);
	else
		fprintf(to, "held: %" PRIu64 " packets; ", capacity_held(config, mix));
	fprintf(to, "the full rate needs %" PRIu64 "/s * %.3f s + %" PRIu64 " (%s) = %" PRIu64 "\n",
		rate_pps, (double)held.time_us / 1e6, held.beside, beside[mix->strategy],
		held.moving + held.beside);
}

void capacity_print(FILE *to, const struct node_config *config, const struct lm_mix_params *mix)
{
	struct capacity_buffers buffers = capacity_buffers(config, capacity_held(config, mix));

	print_held(to, config, mix);
	fprintf(to, "buffers: %10" PRIu64 " held\n", buffers.held);
	fprintf(to, "buffers: %10" PRIu64 " own cover\n", buffers.own);
	fprintf(to, "buffers: %10" PRIu64 " descriptors: %u * (%" PRIu64 " + %" PRIu64 ")\n",
		buffers.descriptors, config->cpus.workers_count, config->port.rx_descriptors,
		config->port.tx_descriptors);
	fprintf(to, "buffers: %10" PRIu64 " rings: (2 * %u + 3) * %" PRIu64 "\n", buffers.rings,
		config->cpus.workers_count, config->limits.ring);
	if (config->link.mode == CONFIG_LINK_NOISE)
		fprintf(to, "buffers: %10" PRIu64 " links: %u * %" PRIu64 " + %u\n", buffers.links,
			config->cpus.workers_count, config->limits.ring, CAPACITY_HANDSHAKES);
	fprintf(to, "buffers: %10" PRIu64 " backlog: %u * (%u + %u)\n", buffers.backlog,
		config->cpus.workers_count, SHARE_BACKLOG, SHARE_LOOK);
	fprintf(to, "buffers: %10" PRIu64 " bursts: (4 * %u + 1) * %u\n", buffers.bursts,
		config->cpus.workers_count, LM_BURST);
	fprintf(to, "buffers: %10" PRIu64 " caches: (%u + 2) * %u\n", buffers.caches,
		config->cpus.workers_count, CAPACITY_CACHE * 3 / 2);
	fprintf(to, "buffers: %10" PRIu64 " in all\n", buffers.all);
}
