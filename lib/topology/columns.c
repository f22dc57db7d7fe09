/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Drawing one node of a layer: uniformly, or by capacity with the alias method (Walker, "An
 * efficient method for generating discrete random variables with general distributions", 1977;
 * Vose 1991), in integers, so that every node has exactly its share.
 */
#include "loaded.h"

/* Pairs each column that is too low with one that is too high, until all are level. */
static void level(struct column *column, unsigned n, uint64_t total, uint32_t *stack)
{
	unsigned low = 0,
		 high = n; /* the low ones grow from the front, the high ones from behind */

	for (unsigned i = 0; i < n; i++) {
		if (column[i].keep < total)
			stack[low++] = i;
		else
			stack[--high] = i;
	}
	while (low > 0 && high < n) {
		uint32_t small = stack[--low], large = stack[high];

		column[small].alias = large;
		column[large].keep -= total - column[small].keep;
		if (column[large].keep < total) {
			high++;
			stack[low++] = large;
		}
	}
}

bool lm_topology_make_columns(struct loaded *loaded)
{
	const struct lm_topology *topology = &loaded->topology;
	uint32_t *stack = calloc(topology->nodes, sizeof(*stack));

	if (!stack)
		return false;
	for (unsigned layer = 0; layer <= topology->layers; layer++) {
		unsigned n = topology->layer_nodes[layer];
		struct column *column = loaded->column[layer];
		uint64_t total = 0;

		/* 2^16 nodes of less than 2^32 each: neither the sum nor n times it overflows */
		for (unsigned i = 0; i < n; i++) {
			uint64_t capacity = topology->node[topology->layer_node[layer][i]].capacity;

			total += capacity;
			column[i] = (struct column){.keep = n * capacity, .alias = i};
		}
		loaded->capacity[layer] = total;
		level(column, n, total, stack);
	}
	free(stack);
	return true;
}

/* As lm_prng_below, in 64 bits. */
static uint64_t draw_below(struct lm_prng *prng, uint64_t bound)
{
	uint64_t threshold = -bound % bound;
	unsigned __int128 product;

	do {
		uint64_t high = lm_prng_u32(prng);

		product = (unsigned __int128)(high << 32 | lm_prng_u32(prng)) * bound;
	} while ((uint64_t)product < threshold);
	return (uint64_t)(product >> 64);
}

const struct lm_topology_node *lm_topology_draw_node(const struct loaded *loaded,
						     struct lm_prng *prng, unsigned layer)
{
	const struct lm_topology *topology = &loaded->topology;
	uint32_t place = lm_prng_below(prng, topology->layer_nodes[layer]);

	if (topology->paths.by_capacity) {
		const struct column *column = &loaded->column[layer][place];

		if (draw_below(prng, loaded->capacity[layer]) >= column->keep)
			place = column->alias;
	}
	return &topology->node[topology->layer_node[layer][place]];
}
