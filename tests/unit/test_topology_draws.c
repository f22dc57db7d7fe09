/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/topology: where every node has an operator of its own, paths are uniform over every layer,
 * and loops and drop packets go where they must.
 */
#include <math.h>

#include "topology_documents.h"

/* Draws far off their share are refused; the seeds are fixed, so this never fails by chance. */
static void assert_share(unsigned count, unsigned draws, double share)
{
	double deviation = sqrt(draws * share * (1 - share));

	assert_true(fabs(count - draws * share) <= 5 * deviation);
}

static void path_is_uniform_over_every_layer(void **state)
{
	enum { DRAWS = 30000 };
	json_t *document = make_document(3, 3);
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	const struct lm_topology_node *last;
	unsigned count[3][3] = {{0}};
	struct lm_topology *topology;
	struct lm_prng prng;
	unsigned hops;

	(void)state;
	for (unsigned layer = 1; layer <= 3; layer++)
		for (unsigned i = 0; i < layer; i++)
			add_node(document, 10 * layer + i, layer);
	add_node(document, 90, 0);
	add_node(document, 91, 0);
	topology = parse_good(document);
	last = lm_topology_find(topology, 91);
	lm_prng_init(&prng, (const uint8_t[32]){1});
	for (unsigned draw = 0; draw < DRAWS; draw++) {
		assert_true(lm_topology_draw_path(topology, &prng, last, path, &hops));
		assert_int_equal(hops, 4);
		assert_ptr_equal(path[3], last);
		for (unsigned hop = 0; hop < 3; hop++) {
			assert_int_equal(path[hop]->id / 10, hop + 1);
			count[hop][path[hop]->id % 10]++;
			assert_true(lm_topology_may_follow(topology, path[hop], path[hop + 1]));
		}
	}
	for (unsigned hop = 0; hop < 3; hop++)
		for (unsigned i = 0; i <= hop; i++)
			assert_share(count[hop][i], DRAWS, 1.0 / (hop + 1));
	lm_topology_free(topology);
}

/* Layers of 1, 2 and 3 mixes, and 4 gateways. */
static struct lm_topology *uneven_network(void)
{
	json_t *document = make_document(3, 3);

	for (unsigned layer = 1; layer <= 3; layer++)
		for (unsigned i = 0; i < layer; i++)
			add_node(document, 10 * layer + i, layer);
	for (unsigned i = 0; i < 4; i++)
		add_node(document, 90 + i, 0);
	return parse_good(document);
}

/* The 99.99 % quantile of chi-square with n - 1 degrees of freedom, n = 1 .. 6 (Abramowitz & Stegun
 * 26.4.2). */
static const double chi_square_limit[] = {0, 0, 15.14, 18.43, 21.11, 23.52, 25.75};

static void assert_uniform(const unsigned *count, unsigned n, unsigned draws)
{
	double expected = (double)draws / n, chi_square = 0;
	unsigned total = 0;

	assert_in_range(n, 1, LM_COUNT(chi_square_limit) - 1);
	for (unsigned i = 0; i < n; i++) {
		chi_square += (count[i] - expected) * (count[i] - expected) / expected;
		total += count[i];
	}
	assert_int_equal(total, draws);
	assert_true(chi_square <= chi_square_limit[n]);
}

typedef bool draw_way(const struct lm_topology *, struct lm_prng *, const struct lm_topology_node *,
		      const struct lm_topology_node * [LM_TOPOLOGY_LAYERS + 1], unsigned *);

/*
 * Draws ways of `hops` hops from self. Each hop must be able to follow the one before; the nodes of
 * a layer come equally often, and no pair of layers shows that one draw steers another.
 */
static void assert_ways(const struct lm_topology *topology, uint32_t self_id, draw_way *draw,
			unsigned wanted_hops, bool round)
{
	enum { DRAWS = 24000 };
	const struct lm_topology_node *self = lm_topology_find(topology, self_id);
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	unsigned count[4][4] = {{0}}, pairs[6] = {0}, hops,
		 ends = round ? wanted_hops - 1 : wanted_hops;
	struct lm_prng prng;

	lm_prng_init(&prng, (const uint8_t[32]){2});
	for (unsigned i = 0; i < DRAWS; i++) {
		const struct lm_topology_node *at = self;
		unsigned place[4] = {0};

		assert_true(draw(topology, &prng, self, path, &hops));
		assert_int_equal(hops, wanted_hops);
		for (unsigned hop = 0; hop < hops; hop++) {
			assert_true(lm_topology_may_follow(topology, at, path[hop]));
			at = path[hop];
			if (hop < ends) {
				assert_true(!round || at != self);
				place[at->layer] = at->id % 10;
				count[at->layer][at->id % 10]++;
			}
		}
		assert_int_equal(at->layer, round ? self->layer : 0);
		assert_true(!round || at == self);
		pairs[place[2] * 3 + place[3]]++;
	}
	for (unsigned hop = 0; hop < ends; hop++) {
		unsigned layer = path[hop]->layer;

		assert_uniform(count[layer], topology->layer_nodes[layer], DRAWS);
	}
	if (self->layer < 2)
		assert_uniform(pairs, 6, DRAWS);
}

static void loops_go_round_once_and_are_uniform(void **state)
{
	struct lm_topology *topology = uneven_network();

	(void)state;
	assert_ways(topology, 10, lm_topology_draw_loop, 4, true);
	assert_ways(topology, 21, lm_topology_draw_loop, 4, true);
	assert_ways(topology, 32, lm_topology_draw_loop, 4, true);
	assert_ways(topology, 93, lm_topology_draw_loop, 4, true);
	lm_topology_free(topology);
}

static void drops_go_on_to_a_gateway_and_are_uniform(void **state)
{
	struct lm_topology *topology = uneven_network();

	(void)state;
	assert_ways(topology, 10, lm_topology_draw_drop, 3, false);
	assert_ways(topology, 21, lm_topology_draw_drop, 2, false);
	assert_ways(topology, 32, lm_topology_draw_drop, 1, false);
	assert_ways(topology, 93, lm_topology_draw_drop, 4, false);
	lm_topology_free(topology);
}

static void loops_fit_into_a_packet_at_every_number_of_layers(void **state)
{
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	struct lm_prng prng;
	unsigned hops;

	(void)state;
	lm_prng_init(&prng, (const uint8_t[32]){3});
	for (unsigned layers = 1; layers <= LM_TOPOLOGY_LAYERS; layers++) {
		json_t *document = make_document(0, layers);
		struct lm_topology *topology;

		for (unsigned layer = 0; layer <= layers; layer++)
			add_node(document, 10 + layer, layer);
		topology = parse_good(document);
		for (unsigned i = 0; i < topology->nodes; i++) {
			const struct lm_topology_node *self = &topology->node[i];

			assert_true(lm_topology_draw_loop(topology, &prng, self, path, &hops));
			assert_int_equal(hops, layers + 1);
			assert_ptr_equal(path[hops - 1], self);
			assert_true(lm_topology_draw_drop(topology, &prng, self, path, &hops));
			assert_int_equal(hops, layers + 1 - self->layer);
		}
		lm_topology_free(topology);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(path_is_uniform_over_every_layer),
		cmocka_unit_test(loops_go_round_once_and_are_uniform),
		cmocka_unit_test(drops_go_on_to_a_gateway_and_are_uniform),
		cmocka_unit_test(loops_fit_into_a_packet_at_every_number_of_layers),
	};

	return RUN_TESTS(tests);
}
