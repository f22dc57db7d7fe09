/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See sim.h: makes the parts and runs them window by window.
 */
#include <errno.h>

#include "world.h"

#define PROGRESS_WINDOWS 1024

/* ---- Making ---- */

/* Far enough from 0 that every node can have begun up to an interval before. */
static uint64_t first_us(const struct sim_params *params)
{
	const struct lm_mix_params *mix = &params->topology->mix;
	uint64_t early = mix->strategy == LM_MIX_POISSON ? 0 : mix->interval_us;

	return (early / params->latency_us + 1) * params->latency_us;
}

static int make_nodes(struct sim *sim, struct lm_prng *seeds)
{
	const struct lm_topology *topology = sim->topology;

	sim->node = calloc(topology->nodes, sizeof(*sim->node));
	sim->next_us = calloc(topology->nodes, sizeof(*sim->next_us));
	if (!sim->node || !sim->next_us)
		return -ENOMEM;
	sim->nodes = topology->nodes;
	for (unsigned layer = 0; layer <= topology->layers; layer++)
		for (unsigned i = 0; i < topology->layer_nodes[layer]; i++)
			sim->node[topology->layer_node[layer][i]].rank = (uint16_t)i;
	for (unsigned i = 0; i < sim->nodes; i++) {
		sim->node[i].number = (uint16_t)i;
		if (node_init(sim, &sim->node[i], seeds) != 0)
			return -ENOMEM;
		sim->next_us[i] = node_next_us(&sim->node[i]);
	}
	return 0;
}

static int make_parts(struct sim *sim)
{
	const struct sim_params *params = &sim->params;
	struct lm_prng seeds;
	uint8_t seed[32] = {0};
	int rc;

	memcpy(seed, &params->seed, sizeof(params->seed));
	lm_prng_init(&seeds, seed);
	packets_init(&sim->packets, params->live_max);
	rc = in_flight_init(&sim->in_flight, params->latency_us, params->jitter_us, sim->start_us);
	if (rc == 0)
		rc = make_nodes(sim, &seeds);
	if (rc == 0)
		rc = clients_init(sim, &seeds);
	return rc;
}

int sim_make(struct sim **out, const struct sim_params *params, struct recorder *recorder,
	     struct lm_error *err)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	int rc = -ENOMEM;

	*out = NULL;
	LM_ASSERT(params->settle_us < params->duration_us && params->topology->nodes < LM_MIX_OWN);
	if (sim) {
		sim->params = *params;
		sim->topology = params->topology;
		sim->recorder = recorder;
		sim->start_us = first_us(params);
		sim->end_us = sim->start_us + params->duration_us;
		sim->settled_us = sim->start_us + params->settle_us;
		rc = make_parts(sim);
	}
	if (rc != 0) {
		sim_free(sim);
		return lm_error_set(err, -rc, "no memory for %u nodes that hold %u packets each",
				    params->topology->nodes, params->held_max);
	}
	*out = sim;
	return 0;
}

void sim_free(struct sim *sim)
{
	if (!sim)
		return;
	for (unsigned i = 0; i < sim->nodes; i++)
		node_free(&sim->node[i]);
	free(sim->node);
	free(sim->next_us);
	clients_free(&sim->clients);
	in_flight_free(&sim->in_flight);
	packets_free(&sim->packets);
	free(sim);
}

/* ---- Running ---- */

/* When anything happens next. */
static uint64_t next_us(const struct sim *sim)
{
	uint64_t next_us = clients_next_us(&sim->clients);
	uint64_t arrives_us = in_flight_next_us(&sim->in_flight);

	if (arrives_us < next_us)
		next_us = arrives_us;
	for (unsigned i = 0; i < sim->nodes; i++)
		if (sim->next_us[i] < next_us)
			next_us = sim->next_us[i];
	return next_us;
}

static void run_window(struct sim *sim, uint64_t at_us)
{
	const struct arrival *arrival;
	uint32_t count, i = 0;
	uint64_t until_us;

	sim->rc = in_flight_open(&sim->in_flight, &arrival, &count, at_us);
	if (sim->rc != 0)
		return;
	until_us = in_flight_until_us(&sim->in_flight);
	if (until_us > sim->end_us)
		until_us = sim->end_us;
	clients_run(sim, until_us);
	for (unsigned number = 0; number < sim->nodes; number++) {
		uint32_t first = i;

		while (i < count && arrival[i].node == number)
			i++;
		if (i == first && sim->next_us[number] >= until_us)
			continue;
		node_run(sim, &sim->node[number], arrival + first, i - first, until_us);
		sim->next_us[number] = node_next_us(&sim->node[number]);
	}
}

/* What is on its way when the time is up: what the books say and what the table holds. */
static void close_books(struct sim *sim)
{
	struct results *results = &sim->results;
	uint64_t on_their_way = 0;

	for (unsigned kind = 0; kind < PACKET_KINDS; kind++) {
		uint64_t *count = results->count[kind];

		count[PACKET_ON_ITS_WAY] = results->made[kind] - count[PACKET_DELIVERED] -
					   count[PACKET_ENDED] - count[PACKET_LOST];
		on_their_way += count[PACKET_ON_ITS_WAY];
	}
	LM_ASSERT(on_their_way == sim->packets.live);
	for (uint32_t place = 0; (place = packets_next(&sim->packets, place)) != PACKET_NONE;
	     place++)
		recorder_packet(sim->recorder, &sim->packets.packet[place], PACKET_ON_ITS_WAY, 0);
}

static void sum_up(struct sim *sim)
{
	double measured_us = (double)(sim->params.duration_us - sim->params.settle_us);

	for (unsigned i = 0; i < sim->nodes; i++) {
		struct node *node = &sim->node[i];
		struct layer_figures *layer =
			&sim->results.layer[sim->topology->node[node->number].layer];
		double mean;

		node_count(node, sim->end_us);
		mean = node->held_sum / measured_us;
		layer->nodes++;
		layer->came += node->came;
		layer->left += node->left;
		layer->held_mean += mean;
		layer->held_variance += node->held_square / measured_us - mean * mean;
	}
	for (unsigned i = 0; i <= sim->topology->layers; i++) {
		sim->results.layer[i].held_mean /= sim->results.layer[i].nodes;
		sim->results.layer[i].held_variance /= sim->results.layer[i].nodes;
	}
	sim->results.measured_s = measured_us / 1e6;
	close_books(sim);
}

int sim_run(struct sim *sim, sim_progress_fn *progress, void *context, struct lm_error *err)
{
	uint64_t at_us = next_us(sim);

	for (unsigned i = 0; sim->rc == 0 && !sim->recorder->failed && at_us < sim->end_us; i++) {
		run_window(sim, at_us);
		at_us = next_us(sim);
		if (progress && i % PROGRESS_WINDOWS == 0)
			progress(context, at_us < sim->end_us ? at_us - sim->start_us : 0,
				 sim->params.duration_us);
	}
	if (sim->rc != 0)
		return lm_error_set(err, -sim->rc, "no memory for %u packets on their way",
				    sim->packets.live);
	sum_up(sim);
	return 0;
}

const struct results *sim_results(const struct sim *sim)
{
	return &sim->results;
}

uint64_t sim_start_us(const struct sim *sim)
{
	return sim->start_us;
}
