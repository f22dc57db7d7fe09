/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which ways the loops of a trace take.
 *
 * A trace of a path: round by round a way is drawn at random, and one loop is sent for each prefix
 * of the path, from none of it to all, with the drawn way behind it. The loops with prefixes of
 * j - 1 and j mixes differ in hop j alone: they are a pair of mix j (trace.h), unless the drawn way
 * has that very mix there.
 *
 * A trace of all mixes: in each round each mix gets a pair of its own: a way that is drawn through
 * it, and the same with another mix of its layer.
 *
 * Every way keeps the network's rules for paths. One thread; read-only after it is made. Owns its
 * memory.
 */
#pragma once

#include "lm_topology.h"

struct trace_plan { /* all zero: empty */
	const struct lm_topology *topology;
	unsigned hops; /* of a way, without the gateway at its end: the topology's layers */
	uint32_t rounds, per_round;
	uint32_t loops;    /* rounds * per_round, in the order in which they are sent */
	uint32_t *node;    /* hops for each loop; places in the topology */
	unsigned subjects; /* mixes to be judged */
	uint32_t *subject; /* their places in the topology: those of the path, or all by layer */
	bool all;
};

/*
 * A trace of this path of one mix a layer, from and to the gateway `self`. -EINVAL and a message if
 * the network's rules leave no way; -ENOMEM. For trace_plan_free.
 */
LM_MUST_CHECK int trace_plan_path(struct trace_plan *plan, const struct lm_topology *topology,
				  const struct lm_topology_node *self,
				  const struct lm_topology_node *const path[], uint32_t rounds,
				  struct lm_prng *prng, struct lm_error *err);

/* A trace of all mixes. */
LM_MUST_CHECK int trace_plan_all(struct trace_plan *plan, const struct lm_topology *topology,
				 const struct lm_topology_node *self, uint32_t rounds,
				 struct lm_prng *prng, struct lm_error *err);
void trace_plan_free(struct trace_plan *plan);

/* The way of loop seq, hops of them; points into the plan. */
const uint32_t *trace_plan_way(const struct trace_plan *plan, uint32_t seq);

/*
 * The pair of a subject in a round: the loop through it and the one through another mix of its
 * layer, by their numbers. False if the round has none.
 */
LM_MUST_CHECK bool trace_plan_pair(uint32_t *here, uint32_t *other, const struct trace_plan *plan,
				   unsigned subject, uint32_t round);
