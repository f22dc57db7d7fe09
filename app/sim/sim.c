/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See sim.h: makes the parts, deals the nodes out to shards, and runs these window by window.
 */
#include <errno.h>

#include "world.h"

#define PROGRESS_WINDOWS 1024
#define SHARDS           32  /* at most */
#define SHARDS_A_THREAD  4   /* so that a thread that was held up leaves its work to others */
#define FEW              256 /* arrivals for which no other thread is woken */
#define NUMBERS          (PACKET_NEW - 1)

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
	sim->shard_of = calloc(topology->nodes, sizeof(*sim->shard_of));
	if (!sim->node || !sim->next_us || !sim->shard_of)
		return -ENOMEM;
	sim->nodes = topology->nodes;
	for (unsigned layer = 0; layer <= topology->layers; layer++)
		for (unsigned i = 0; i < topology->layer_nodes[layer]; i++)
			sim->node[topology->layer_node[layer][i]].rank = (uint16_t)i;
	for (unsigned i = 0; i < sim->nodes; i++) {
		sim->node[i].number = (uint16_t)i;
		if (node_init(sim, &sim->node[i], seeds) != 0)
			return -ENOMEM;
	}
	return 0;
}

/* A layer's nodes share what passes it; by a gateway it passes twice, and there it is made. */
static double weight_of(const struct lm_topology *topology, unsigned number)
{
	unsigned layer = topology->node[number].layer;

	return (layer == 0 ? 3.0 : 1.0) / topology->layer_nodes[layer];
}

/* Runs of nodes of about the same work. */
static void deal_out(struct sim *sim)
{
	double all = sim->topology->layers + 3.0, dealt = 0;
	unsigned shard = 0;

	for (unsigned i = 0; i < sim->nodes; i++) {
		unsigned left = sim->nodes - i, wanted = sim->shards - shard - 1;

		/* a shard that has its share is closed, or when each of the others needs a node */
		if (i > sim->shard[shard].first && wanted > 0 &&
		    (left == wanted || dealt >= all * (shard + 1) / sim->shards))
			sim->shard[++shard].first = i;
		sim->shard_of[i] = (uint8_t)shard;
		sim->shard[shard].end = i + 1;
		dealt += weight_of(sim->topology, i);
	}
	sim->shards = shard + 1;
}

static int shard_init(struct sim *sim, struct shard *shard)
{
	shard->sim = sim;
	shard->number = (unsigned)(shard - sim->shard);
	shard->leavers_room = LM_BURST;
	shard->leaver = malloc(LM_BURST * sizeof(*shard->leaver));
	tape_init(&shard->tape, sim->recorder);
	if (!shard->leaver)
		return -ENOMEM;
	return stock_init(&shard->stock, &sim->packets, sim->recorder->writes);
}

static int make_shards(struct sim *sim, unsigned threads)
{
	unsigned shards = threads > 1 ? threads * SHARDS_A_THREAD : 1;
	int rc;

	shards = shards < SHARDS ? shards : SHARDS;
	sim->shards = shards < sim->nodes ? shards : sim->nodes;
	sim->shard = aligned_alloc(_Alignof(struct shard), sim->shards * sizeof(*sim->shard));
	if (!sim->shard)
		return -ENOMEM;
	memset(sim->shard, 0, sim->shards * sizeof(*sim->shard));
	deal_out(sim);
	rc = packets_init(&sim->packets, sim->params.live_max, sim->shards);
	for (unsigned i = 0; i < sim->shards && rc == 0; i++)
		rc = shard_init(sim, &sim->shard[i]);
	if (rc == 0)
		rc = in_flight_init(&sim->in_flight, sim->shards, sim->params.latency_us,
				    sim->params.jitter_us, sim->start_us);
	return rc == 0 ? team_make(&sim->team, threads) : rc;
}

static int make_parts(struct sim *sim)
{
	const struct sim_params *params = &sim->params;
	struct lm_prng seeds;
	uint8_t seed[32] = {0};
	int rc;

	memcpy(seed, &params->seed, sizeof(params->seed));
	lm_prng_init(&seeds, seed);
	sim->mix = sim->topology->mix;
	sim->at_once =
		flow_params(&sim->mix, params->latency_us) && params->weakness == WEAKNESS_NONE;
	rc = make_nodes(sim, &seeds);
	if (rc == 0)
		rc = clients_init(sim, &seeds);
	if (rc == 0)
		rc = make_shards(sim, params->threads);
	for (unsigned i = 0; i < sim->nodes && rc == 0; i++)
		sim->next_us[i] = node_next_us(&sim->node[i]);
	return rc;
}

int sim_make(struct sim **out, const struct sim_params *params, struct recorder *recorder,
	     struct lm_error *err)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	int rc = -ENOMEM;

	*out = NULL;
	LM_ASSERT(params->settle_us < params->duration_us && params->topology->nodes < LM_MIX_OWN);
	LM_ASSERT(params->threads >= 1);
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

static void shard_free(struct shard *shard)
{
	stock_free(&shard->stock);
	tape_free(&shard->tape);
	free(shard->leaver);
	free(shard->comer);
}

void sim_free(struct sim *sim)
{
	if (!sim)
		return;
	team_free(sim->team);
	for (unsigned i = 0; sim->shard && i < sim->shards; i++)
		shard_free(&sim->shard[i]);
	for (unsigned i = 0; i < sim->nodes; i++)
		node_free(&sim->node[i]);
	free(sim->shard);
	free(sim->shard_of);
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
	uint64_t next_us = in_flight_next_us(&sim->in_flight);

	for (unsigned i = 0; i < sim->nodes; i++)
		if (sim->next_us[i] < next_us)
			next_us = sim->next_us[i];
	return next_us;
}

static void run_shard(void *context, unsigned number)
{
	struct sim *sim = context;
	struct shard *shard = &sim->shard[number];
	const struct arrival *arrival;
	uint32_t count, i = 0;

	shard->rc =
		in_flight_take(&sim->in_flight, number, (uint16_t)shard->first, &arrival, &count);
	for (unsigned n = shard->first; shard->rc == 0 && n < shard->end; n++) {
		uint32_t first = i;

		while (i < count && arrival[i].node == n)
			i++;
		if (i == first && sim->next_us[n] >= sim->until_us)
			continue;
		node_run(shard, &sim->node[n], arrival + first, i - first);
		sim->next_us[n] = node_next_us(&sim->node[n]);
	}
}

/* What may be made is shared out, so that it does not matter who comes first. */
static void share_out(struct sim *sim)
{
	const struct lm_topology_cover *cover = &sim->topology->cover;
	bool all = cover->loop_interval_us > 0 || cover->drop_interval_us > 0 ||
		   sim->topology->mix.strategy == LM_MIX_BATCH;
	uint64_t live = 0, left;

	for (unsigned i = 0; i < sim->shards; i++)
		live += (uint64_t)sim->shard[i].stock.live;
	left = live < sim->params.live_max ? sim->params.live_max - live : 0;
	if (left > NUMBERS - sim->made)
		left = NUMBERS - sim->made;
	sim->may_make = (uint32_t)(left / (all ? sim->nodes : sim->topology->layer_nodes[0]));
}

static void collect(struct sim *sim)
{
	for (unsigned i = 0; i < sim->shards; i++) {
		struct shard *shard = &sim->shard[i];
		uint32_t made = stock_number(&shard->stock, sim->made);

		recorder_collect(sim->recorder, &shard->tape, sim->made);
		sim->made += made;
		if (sim->rc == 0)
			sim->rc = shard->rc;
	}
}

static void run_window(struct sim *sim, uint64_t at_us)
{
	in_flight_open(&sim->in_flight, at_us);
	sim->from_us = sim->in_flight.open_us;
	sim->until_us = in_flight_until_us(&sim->in_flight);
	if (sim->until_us > sim->end_us)
		sim->until_us = sim->end_us;
	share_out(sim);
	if (team_threads(sim->team) > 1 && in_flight_count(&sim->in_flight) >= FEW)
		team_run(sim->team, run_shard, sim, sim->shards);
	else
		for (unsigned i = 0; i < sim->shards; i++)
			run_shard(sim, i);
	collect(sim);
}

/* ---- Summing up ---- */

static void add_results(struct results *sum, const struct results *results)
{
	for (unsigned kind = 0; kind < PACKET_KINDS; kind++) {
		sum->made[kind] += results->made[kind];
		for (unsigned end = 0; end < PACKET_ENDS; end++)
			sum->count[kind][end] += results->count[kind][end];
	}
	sum->refused += results->refused;
	sum->flights += results->flights;
	sum->dummies += results->dummies;
	sum->hops += results->hops;
	sum->starved += results->starved;
	sum->latency_sum_us += results->latency_sum_us;
	sum->queued_sum_us += results->queued_sum_us;
	sum->client_sent += results->client_sent;
	sum->mixes_sent += results->mixes_sent;
	histogram_merge(&sum->latency_us, &results->latency_us);
}

static int by_number(const void *a, const void *b)
{
	const struct packet *const *left = a, *const *right = b;

	return ((*left)->number > (*right)->number) - ((*left)->number < (*right)->number);
}

/* Those that are on their way, in the order of their numbers: places are left to chance. */
static void record_rest(struct sim *sim, uint64_t rest)
{
	const struct packet **packet = malloc((rest + 1) * sizeof(*packet));
	struct tape *tape = &sim->shard[0].tape;
	uint32_t place = 0;
	uint64_t n = 0;

	if (!packet) {
		sim->rc = -ENOMEM;
		return;
	}
	for (; n <= rest && (place = packets_next(&sim->packets, place)) != PACKET_NONE; place++)
		packet[n++] = &sim->packets.packet[place];
	LM_ASSERT(n == rest);
	qsort(packet, n, sizeof(*packet), by_number);
	for (uint64_t i = 0; i < n; i++)
		tape_packet(tape, packet[i], PACKET_ON_ITS_WAY, 0);
	recorder_collect(sim->recorder, tape, 0);
	free(packet);
}

/* What is on its way when the time is up: what the books say and what the table holds. */
static void close_books(struct sim *sim)
{
	struct results *results = &sim->results;
	uint64_t on_their_way = 0;
	int64_t live = 0;

	for (unsigned i = 0; i < sim->shards; i++) {
		add_results(results, &sim->shard[i].results);
		live += sim->shard[i].stock.live;
	}
	for (unsigned kind = 0; kind < PACKET_KINDS; kind++) {
		uint64_t *count = results->count[kind];

		count[PACKET_ON_ITS_WAY] = results->made[kind] - count[PACKET_DELIVERED] -
					   count[PACKET_ENDED] - count[PACKET_LOST];
		on_their_way += count[PACKET_ON_ITS_WAY];
	}
	LM_ASSERT(on_their_way == (uint64_t)live);
	if (sim->recorder->writes)
		record_rest(sim, on_their_way);
}

static void sum_up(struct sim *sim)
{
	double measured_us = (double)(sim->params.duration_us - sim->params.settle_us);

	for (unsigned i = 0; i < sim->nodes; i++) {
		struct node *node = &sim->node[i];
		struct layer_figures *layer =
			&sim->results.layer[sim->topology->node[node->number].layer];
		double mean;

		node_count(node, lm_mix_held(node->mix), sim->end_us);
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
	if (sim->rc == 0)
		sum_up(sim);
	if (sim->rc != 0)
		return lm_error_set(err, -sim->rc, "no memory for what is on its way");
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
