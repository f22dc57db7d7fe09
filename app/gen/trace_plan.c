/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See trace_plan.h.
 */
#include "trace_plan.h"

#include <errno.h>
#include <string.h>

#define TRIES 10000 /* draws of one way, until it keeps the rules */

struct planner {
	const struct lm_topology *topology;
	const struct lm_topology_node *self;
	struct lm_prng *prng;
};

static bool may_share_a_path(const struct lm_topology *topology, const struct lm_topology_node *a,
			     const struct lm_topology_node *b)
{
	if (a->operator_number == b->operator_number)
		return false;
	return !topology->paths.jurisdictions || strcmp(a->jurisdiction, b->jurisdiction) != 0;
}

/* The way keeps the rules with this mix in its layer. */
static bool fits(const struct planner *planner, const uint32_t *way, uint32_t place)
{
	const struct lm_topology *topology = planner->topology;
	const struct lm_topology_node *mix = &topology->node[place];

	if (!may_share_a_path(topology, mix, planner->self))
		return false;
	for (unsigned i = 0; i < topology->layers; i++) {
		if (i + 1 != mix->layer &&
		    !may_share_a_path(topology, mix, &topology->node[way[i]]))
			return false;
	}
	return true;
}

static void draw_way(const struct planner *planner, uint32_t *way)
{
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	unsigned hops;

	LM_ASSERT(lm_topology_draw_path(planner->topology, planner->prng, planner->self, path,
					&hops));
	for (unsigned i = 0; i + 1 < hops; i++)
		way[i] = (uint32_t)(path[i] - planner->topology->node);
}

static int no_way(const struct planner *planner, const struct lm_topology_node *mix,
		  struct lm_error *err)
{
	return lm_error_set(err, EINVAL,
			    "no way through mix %u back to gateway %u keeps the network's rules "
			    "for operators and jurisdictions",
			    mix->id, planner->self->id);
}

static int make(struct trace_plan *plan, const struct lm_topology *topology, uint32_t rounds,
		uint64_t per_round, unsigned subjects, struct lm_error *err)
{
	uint64_t loops = rounds * per_round;

	*plan = (struct trace_plan){
		.topology = topology,
		.hops = topology->layers,
		.rounds = rounds,
		.per_round = (uint32_t)per_round,
		.loops = (uint32_t)loops,
		.subjects = subjects,
	};
	if (loops > UINT32_MAX)
		return lm_error_set(err, E2BIG, "more than %u loops; lower --rounds", UINT32_MAX);
	plan->node = calloc(loops * plan->hops, sizeof(*plan->node));
	plan->subject = calloc(subjects, sizeof(*plan->subject));
	if (plan->node && plan->subject)
		return 0;
	trace_plan_free(plan);
	return lm_error_set(err, ENOMEM, "no memory for %llu loops; lower --rounds",
			    (unsigned long long)loops);
}

void trace_plan_free(struct trace_plan *plan)
{
	free(plan->node);
	free(plan->subject);
	memset(plan, 0, sizeof(*plan));
}

static uint32_t *way_of(const struct trace_plan *plan, uint32_t seq)
{
	return plan->node + (size_t)seq * plan->hops;
}

const uint32_t *trace_plan_way(const struct trace_plan *plan, uint32_t seq)
{
	return way_of(plan, seq);
}

/* ---- A path ---- */

/* The way with the path's first j mixes in front; false if that breaks a rule. */
static bool put_prefix(const struct planner *planner, uint32_t *to, const uint32_t *way,
		       const uint32_t *path, unsigned j)
{
	unsigned hops = planner->topology->layers;

	memcpy(to, way, hops * sizeof(*to));
	memcpy(to, path, j * sizeof(*to));
	for (unsigned i = 0; i < hops; i++) {
		if (!fits(planner, to, to[i]))
			return false;
	}
	return true;
}

static bool plan_round(struct trace_plan *plan, const struct planner *planner, uint32_t round)
{
	uint32_t way[LM_TOPOLOGY_LAYERS];

	for (unsigned tries = 0; tries < TRIES; tries++) {
		unsigned j = 0;

		draw_way(planner, way);
		while (j <= plan->hops &&
		       put_prefix(planner, way_of(plan, round * plan->per_round + j), way,
				  plan->subject, j))
			j++;
		if (j > plan->hops)
			return true;
	}
	return false;
}

int trace_plan_path(struct trace_plan *plan, const struct lm_topology *topology,
		    const struct lm_topology_node *self,
		    const struct lm_topology_node *const path[], uint32_t rounds,
		    struct lm_prng *prng, struct lm_error *err)
{
	const struct planner planner = {.topology = topology, .self = self, .prng = prng};
	int rc = make(plan, topology, rounds, topology->layers + 1, topology->layers, err);

	for (unsigned i = 0; rc == 0 && i < plan->hops; i++)
		plan->subject[i] = (uint32_t)(path[i] - topology->node);
	for (uint32_t round = 0; rc == 0 && round < rounds; round++) {
		if (!plan_round(plan, &planner, round))
			rc = no_way(&planner, path[0], err);
	}
	if (rc != 0)
		trace_plan_free(plan);
	return rc;
}

/* ---- All mixes ---- */

/* Another mix of the same layer, at random among those that the rules allow; else the mix. */
static uint32_t draw_other(const struct planner *planner, const uint32_t *way, uint32_t place)
{
	const struct lm_topology *topology = planner->topology;
	unsigned layer = topology->node[place].layer, n = topology->layer_nodes[layer];
	unsigned allowed = 0;
	uint32_t chosen = place;

	for (unsigned i = 0; i < n; i++) {
		uint32_t other = topology->layer_node[layer][i];

		if (other == place || !fits(planner, way, other))
			continue;
		allowed++;
		if (lm_prng_below(planner->prng, allowed) == 0)
			chosen = other;
	}
	return chosen;
}

static bool plan_pair(const struct planner *planner, uint32_t *here, uint32_t *other,
		      uint32_t place)
{
	const struct lm_topology *topology = planner->topology;
	unsigned layer = topology->node[place].layer, tries = 0;

	do {
		draw_way(planner, here);
		here[layer - 1] = place;
	} while (!fits(planner, here, place) && ++tries < TRIES);
	memcpy(other, here, topology->layers * sizeof(*other));
	other[layer - 1] = draw_other(planner, here, place);
	return tries < TRIES;
}

int trace_plan_all(struct trace_plan *plan, const struct lm_topology *topology,
		   const struct lm_topology_node *self, uint32_t rounds, struct lm_prng *prng,
		   struct lm_error *err)
{
	const struct planner planner = {.topology = topology, .self = self, .prng = prng};
	unsigned mixes = topology->nodes - topology->layer_nodes[0], n = 0;
	int rc = make(plan, topology, rounds, UINT64_C(2) * mixes, mixes, err);

	plan->all = true;
	for (unsigned layer = 1; rc == 0 && layer <= topology->layers; layer++) {
		for (unsigned i = 0; i < topology->layer_nodes[layer]; i++)
			plan->subject[n++] = topology->layer_node[layer][i];
	}
	for (uint32_t pair = 0; rc == 0 && pair < plan->loops / 2; pair++) {
		uint32_t place = plan->subject[pair % mixes];

		if (!plan_pair(&planner, way_of(plan, 2 * pair), way_of(plan, 2 * pair + 1), place))
			rc = no_way(&planner, &topology->node[place], err);
	}
	if (rc != 0)
		trace_plan_free(plan);
	return rc;
}

bool trace_plan_pair(uint32_t *here, uint32_t *other, const struct trace_plan *plan,
		     unsigned subject, uint32_t round)
{
	uint32_t first = round * plan->per_round;

	*here = plan->all ? first + 2 * subject : first + subject + 1;
	*other = plan->all ? *here + 1 : *here - 1;
	return memcmp(way_of(plan, *here), way_of(plan, *other),
		      plan->hops * sizeof(*plan->node)) != 0;
}
