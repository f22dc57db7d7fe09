/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/topology: the rules for paths. Small networks, made at random, are enumerated path by path:
 * what is drawn must be what is allowed, each with its share; and a document is good if and only if
 * every gateway has a path.
 */
#include <errno.h>
#include <math.h>

#include "topology_documents.h"

/* ---- Networks ---- */

struct shape {
	unsigned layers, nodes; /* in each layer, gateways too */
	unsigned operators, jurisdictions;
	bool by_capacity, across;
	/* if not 0: every node is of one of the first `few` operators or jurisdictions */
	unsigned few;
};

static void set_node(json_t *document, unsigned operator, unsigned jurisdiction, uint32_t capacity)
{
	json_t *nodes = json_object_get(document, "nodes");
	json_t *node = json_array_get(nodes, json_array_size(nodes) - 1);

	json_object_set_new(node, "operator", json_sprintf("%u", operator));
	json_object_set_new(node, "jurisdiction", json_sprintf("A%c", 'A' + (int)jurisdiction));
	json_object_set_new(node, "capacity", json_integer(capacity));
}

static json_t *begin(unsigned layers, bool by_capacity, bool across)
{
	json_t *document = make_document(3, layers);

	change(document, "paths.choice", by_capacity ? "\"capacity\"" : "\"uniform\"");
	change(document, "paths.jurisdictions", across ? "true" : "false");
	return document;
}

/* Operators, jurisdictions and capacities at random. */
static json_t *make_random(const struct shape *shape, struct lm_prng *prng)
{
	json_t *document = begin(shape->layers, shape->by_capacity, shape->across);

	for (unsigned layer = 0; layer <= shape->layers; layer++) {
		for (unsigned i = 0; i < shape->nodes; i++) {
			unsigned operator= lm_prng_below(prng, shape->operators);
			unsigned jurisdiction = lm_prng_below(prng, shape->jurisdictions);

			if (shape->few && operator>= shape->few)
				jurisdiction %= shape->few;
			add_node(document, 1000 * (layer + 1) + i, layer);
			set_node(document, operator, jurisdiction, 1 + lm_prng_below(prng, 9));
		}
	}
	return document;
}

/* ---- All paths ---- */

#define WAYS 1024

struct ways {
	const struct lm_topology *topology;
	const struct lm_topology_node *fixed;
	unsigned layers, layer[LM_TOPOLOGY_LAYERS + 1];
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	unsigned n;
	bool first_only;
	double total, weight[WAYS];
	uint64_t key[WAYS];
};

static bool may_meet(const struct lm_topology *topology, const struct lm_topology_node *a,
		     const struct lm_topology_node *b)
{
	return strcmp(a->operator, b->operator) != 0 &&
	       (!topology->paths.jurisdictions || strcmp(a->jurisdiction, b->jurisdiction) != 0);
}

static uint64_t key_of(const struct lm_topology_node *const *path, unsigned n)
{
	uint64_t key = 0;

	for (unsigned i = 0; i < n; i++)
		key = key * 1000 + path[i]->id % 1000;
	return key;
}

static void enumerate(struct ways *ways, unsigned at, double weight)
{
	const struct lm_topology *topology = ways->topology;
	unsigned layer;

	if (at == ways->layers || at > LM_TOPOLOGY_LAYERS) {
		assert_true(ways->first_only || ways->n < WAYS);
		if (!ways->first_only) {
			ways->weight[ways->n] = weight;
			ways->key[ways->n] = key_of(ways->path, at);
		}
		ways->total += weight;
		ways->n++;
		return;
	}
	layer = ways->layer[at];
	for (unsigned i = 0; i < topology->layer_nodes[layer]; i++) {
		const struct lm_topology_node *node =
			&topology->node[topology->layer_node[layer][i]];
		bool good = !ways->fixed || may_meet(topology, ways->fixed, node);

		for (unsigned j = 0; j < at; j++)
			good &= may_meet(topology, ways->path[j], node);
		if (!good || (ways->first_only && ways->n > 0))
			continue;
		ways->path[at] = node;
		enumerate(ways, at + 1,
			  weight * (topology->paths.by_capacity ? node->capacity : 1));
	}
}

enum way { PATH, LOOP, DROP };

/* The ways that FORMAT.md allows `self`: for PATH, the gateway in which it ends. */
static void find_ways(struct ways *ways, enum way way, const struct lm_topology *topology,
		      const struct lm_topology_node *self, bool first_only)
{
	memset(ways, 0, sizeof(*ways));
	ways->topology = topology;
	ways->first_only = first_only;
	ways->fixed = way == DROP && self->role == LM_TOPOLOGY_GATEWAY ? NULL : self;
	if (way == PATH)
		for (unsigned layer = 1; layer <= topology->layers; layer++)
			ways->layer[ways->layers++] = layer;
	for (unsigned layer = self->layer + 1; way != PATH && layer <= topology->layers; layer++)
		ways->layer[ways->layers++] = layer;
	if (way == DROP || (way == LOOP && self->role == LM_TOPOLOGY_MIX))
		ways->layer[ways->layers++] = 0;
	for (unsigned layer = 1; way == LOOP && layer < self->layer; layer++)
		ways->layer[ways->layers++] = layer;
	enumerate(ways, 0, 1);
}

typedef bool draw_way(const struct lm_topology *, struct lm_prng *, const struct lm_topology_node *,
		      const struct lm_topology_node * [LM_TOPOLOGY_LAYERS + 1], unsigned *);

static draw_way *const draws[] = {
	[PATH] = lm_topology_draw_path,
	[LOOP] = lm_topology_draw_loop,
	[DROP] = lm_topology_draw_drop,
};

/* The 99.99 % quantile of chi-square (Wilson & Hilferty 1931). */
static double chi_square_limit(unsigned freedom)
{
	double spread = 2 / (9.0 * freedom);

	return freedom * pow(1 - spread + 3.719 * sqrt(spread), 3);
}

/* Draws often: nothing that is not allowed, and all that is with its share. */
static void assert_shares(const struct ways *ways, enum way way,
			  const struct lm_topology_node *self, struct lm_prng *prng)
{
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	unsigned draws_n = 100 * ways->n, hops, count[WAYS] = {0};
	double chi_square = 0;

	for (unsigned i = 0; i < draws_n; i++) {
		unsigned found = 0;
		uint64_t key;

		assert_true(draws[way](ways->topology, prng, self, path, &hops));
		assert_int_equal(hops, ways->layers + (way != DROP));
		if (way != DROP)
			assert_ptr_equal(path[hops - 1], self);
		key = key_of(path, ways->layers);
		while (found < ways->n && ways->key[found] != key)
			found++;
		assert_true(found < ways->n);
		count[found]++;
	}
	for (unsigned i = 0; i < ways->n; i++) {
		double expected = draws_n * ways->weight[i] / ways->total;

		chi_square += (count[i] - expected) * (count[i] - expected) / expected;
	}
	if (ways->n > 1)
		assert_true(chi_square <= chi_square_limit(ways->n - 1));
	else
		assert_int_equal(count[0], draws_n);
}

/* All ways of all nodes of this network. */
static unsigned check_network(const struct lm_topology *topology, struct lm_prng *prng)
{
	static struct ways ways;
	unsigned checked = 0;

	for (unsigned i = 0; i < topology->nodes; i++) {
		const struct lm_topology_node *self = &topology->node[i];

		for (enum way way = PATH; way <= DROP; way++) {
			if (way == PATH && self->role != LM_TOPOLOGY_GATEWAY)
				continue;
			find_ways(&ways, way, topology, self, false);
			if (way == LOOP)
				assert_int_equal(lm_topology_has_loop(topology, self), ways.n > 0);
			if (way == DROP)
				assert_int_equal(lm_topology_has_drop(topology, self), ways.n > 0);
			if (ways.n == 0)
				continue;
			assert_shares(&ways, way, self, prng);
			checked++;
		}
	}
	return checked;
}

static void check_networks(const struct shape *shape, uint8_t seed, unsigned networks)
{
	struct lm_topology *topology;
	unsigned checked = 0;
	struct lm_prng prng;

	lm_prng_init(&prng, (const uint8_t[32]){seed});
	for (unsigned good = 0; good < networks;) {
		if (parse(&topology, make_random(shape, &prng), NULL) != 0)
			continue;
		checked += check_network(topology, &prng);
		good++;
		lm_topology_free(topology);
	}
	assert_true(checked > networks);
}

static void uniform_paths_have_equal_shares_of_what_operators_allow(void **state)
{
	(void)state;
	check_networks(&(struct shape){3, 4, 100, 26, false, false, 0}, 1, 3);
	check_networks(&(struct shape){3, 4, 8, 1, false, false, 0}, 2, 6);
	check_networks(&(struct shape){2, 5, 3, 1, false, false, 0}, 3, 10);
	check_networks(&(struct shape){4, 3, 7, 1, false, false, 0}, 4, 4);
	check_networks(&(struct shape){1, 2, 2, 1, false, false, 0}, 5, 10);
}

static void paths_by_capacity_have_shares_in_proportion(void **state)
{
	(void)state;
	check_networks(&(struct shape){3, 4, 100, 26, true, false, 0}, 11, 3);
	check_networks(&(struct shape){3, 4, 8, 1, true, false, 0}, 12, 6);
	check_networks(&(struct shape){2, 5, 3, 1, true, false, 0}, 13, 10);
}

static void jurisdictions_are_kept_apart_where_the_document_asks(void **state)
{
	(void)state;
	check_networks(&(struct shape){3, 4, 8, 8, false, true, 0}, 21, 6);
	check_networks(&(struct shape){2, 4, 4, 6, true, true, 0}, 22, 8);
}

/* ---- Is there a path? ---- */

/* Whether the document is good, by looking at every path. */
static bool is_feasible(const struct lm_topology *topology)
{
	static struct ways ways;

	for (unsigned i = 0; i < topology->layer_nodes[0]; i++) {
		find_ways(&ways, PATH, topology, &topology->node[topology->layer_node[0][i]], true);
		if (ways.n == 0)
			return false;
	}
	return true;
}

/* The same of a document that is not read: it might be refused. */
static bool is_feasible_by_hand(const json_t *document, unsigned layers, bool across)
{
	struct lm_topology_node node[400] = {0};
	uint32_t place[LM_TOPOLOGY_LAYERS + 1][400];
	struct lm_topology topology = {.layers = layers,
				       .node = node,
				       .paths = {.jurisdictions = across}};
	const json_t *from;
	size_t i;

	json_array_foreach(json_object_get(document, "nodes"), i, from)
	{
		unsigned layer = (unsigned)json_integer_value(json_object_get(from, "layer"));

		node[i].layer = layer;
		node[i].role = layer ? LM_TOPOLOGY_MIX : LM_TOPOLOGY_GATEWAY;
		strcpy(node[i].operator, json_string_value(json_object_get(from, "operator")));
		strcpy(node[i].jurisdiction,
		       json_string_value(json_object_get(from, "jurisdiction")));
		topology.layer_node[layer] = place[layer];
		place[layer][topology.layer_nodes[layer]++] = (uint32_t)i;
	}
	return is_feasible(&topology);
}

/* However the operators fall, the reader and a look at every path agree. */
static void assert_judged_rightly(const struct shape *shape, uint8_t seed, unsigned networks)
{
	unsigned good = 0, bad = 0;
	struct lm_prng prng;

	lm_prng_init(&prng, (const uint8_t[32]){seed});
	for (unsigned i = 0; i < networks; i++) {
		json_t *document = make_random(shape, &prng);
		bool feasible = is_feasible_by_hand(document, shape->layers, shape->across);
		struct lm_topology *topology;
		struct lm_error err;
		int rc = parse(&topology, document, &err);

		assert_int_equal(rc, feasible ? 0 : -EINVAL);
		if (!feasible)
			assert_non_null(strstr(err.text, "net.json: nodes: no path leads to "));
		lm_topology_free(topology);
		good += feasible;
		bad += !feasible;
	}
	assert_true(good > networks / 50 && bad > networks / 50);
}

static void a_gateway_without_a_path_is_found_exactly(void **state)
{
	(void)state;
	assert_judged_rightly(&(struct shape){1, 2, 2, 1, false, false, 0}, 31, 300);
	assert_judged_rightly(&(struct shape){2, 2, 3, 1, false, false, 0}, 32, 500);
	assert_judged_rightly(&(struct shape){3, 3, 4, 1, false, false, 0}, 33, 500);
	assert_judged_rightly(&(struct shape){4, 3, 6, 1, false, false, 0}, 34, 500);
	assert_judged_rightly(&(struct shape){4, 3, 7, 12, false, true, 0}, 35, 500);
	assert_judged_rightly(&(struct shape){3, 2, 9, 7, false, true, 0}, 36, 500);
	assert_judged_rightly(&(struct shape){3, 6, 20, 20, false, true, 2}, 37, 300);
	assert_judged_rightly(&(struct shape){4, 6, 20, 20, false, true, 3}, 38, 300);
	assert_judged_rightly(&(struct shape){4, 16, 300, 20, false, true, 3}, 39, 100);
	assert_judged_rightly(&(struct shape){4, 4, 20, 20, false, true, 3}, 40, 300);
}

/* In a layer of many, the only node that is allowed stands behind all others. */
static void the_last_of_many_nodes_is_found(void **state)
{
	for (unsigned across = 0; across <= 1; across++) {
		json_t *document = begin(2, false, across);
		struct lm_topology *topology;

		(void)state;
		for (unsigned i = 0; i < 300; i++) {
			add_node(document, 1000 + i, 1);
			/* operator 1 everywhere; or jurisdictions of layer 2 and the gateway */
			set_node(document, across ? i : 1, i % 2, 1);
		}
		add_node(document, 1300, 1);
		set_node(document, 1300, 2, 1);
		add_node(document, 2000, 2);
		set_node(document, across ? 2000 : 1, 0, 1);
		add_node(document, 3000, 0);
		set_node(document, 3000, 1, 1);
		topology = parse_good(document);
		for (unsigned i = 0; i < 300; i++)
			assert_false(lm_topology_has_loop(topology,
							  lm_topology_find(topology, 1000 + i)));
		assert_true(lm_topology_has_loop(topology, lm_topology_find(topology, 1300)));
		lm_topology_free(topology);
	}
}

/* ---- The bound ---- */

/* One operator has nearly all capacity of every layer: hardly any path that is drawn is allowed. */
static void a_path_that_is_hardly_ever_drawn_is_found(void **state)
{
	json_t *document = begin(3, true, false);
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	struct lm_topology *topology;
	struct lm_prng prng;
	unsigned hops;

	(void)state;
	for (unsigned layer = 1; layer <= 3; layer++) {
		add_node(document, 10 * layer + 1, layer);
		set_node(document, 1, 0, UINT32_MAX);
		add_node(document, 10 * layer + 2, layer);
		set_node(document, layer + 1, 0, 1);
	}
	add_node(document, 1, 0);
	set_node(document, 9, 0, 1);
	topology = parse_good(document);
	lm_prng_init(&prng, (const uint8_t[32]){41});
	for (unsigned i = 0; i < 20; i++) {
		unsigned large = 0;

		assert_true(lm_topology_draw_path(topology, &prng, lm_topology_find(topology, 1),
						  path, &hops));
		for (unsigned hop = 0; hop < 3; hop++)
			large += path[hop]->capacity == UINT32_MAX;
		assert_true(large <= 1);
	}
	lm_topology_free(topology);
}

static void where_there_is_no_loop_none_is_drawn(void **state)
{
	json_t *document = begin(1, false, false);
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	struct lm_topology *topology;
	struct lm_prng prng;
	unsigned hops;

	(void)state;
	add_node(document, 11, 1); /* of the gateway's operator */
	set_node(document, 1, 0, 1);
	add_node(document, 12, 1);
	set_node(document, 2, 0, 1);
	add_node(document, 1, 0);
	set_node(document, 1, 0, 1);
	topology = parse_good(document);
	lm_prng_init(&prng, (const uint8_t[32]){42});
	assert_false(lm_topology_draw_loop(topology, &prng, lm_topology_find(topology, 11), path,
					   &hops));
	assert_false(lm_topology_draw_drop(topology, &prng, lm_topology_find(topology, 11), path,
					   &hops));
	assert_true(lm_topology_draw_loop(topology, &prng, lm_topology_find(topology, 12), path,
					  &hops));
	lm_topology_free(topology);
}

/* The widest capacities: shares are exact, and nothing overflows. */
static void capacities_of_any_size_have_their_share(void **state)
{
	enum { DRAWS = 100000 };
	json_t *document = begin(1, true, false);
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	unsigned hops, of_large = 0, of_small = 0;
	struct lm_topology *topology;
	struct lm_prng prng;

	(void)state;
	for (unsigned i = 0; i < 5000; i++) { /* half the capacity is the last one's */
		add_node(document, 1000 + i, 1);
		set_node(document, 1 + i, 0, i < 4999 ? UINT32_MAX / 4999 : UINT32_MAX);
	}
	add_node(document, 1, 0);
	topology = parse_good(document);
	lm_prng_init(&prng, (const uint8_t[32]){43});
	for (unsigned i = 0; i < DRAWS; i++) {
		assert_true(lm_topology_draw_path(topology, &prng, lm_topology_find(topology, 1),
						  path, &hops));
		of_large += path[0]->id == 5999;
		of_small += path[0]->id < 3500;
	}
	assert_true(fabs(of_large - DRAWS * 0.5) < 5 * sqrt(DRAWS * 0.25));
	assert_true(fabs(of_small - DRAWS * 0.25) < 5 * sqrt(DRAWS * 0.1875));
	lm_topology_free(topology);
}

/* ---- Several paths ---- */

static void assert_disjoint(const struct lm_topology *topology,
			    const struct lm_topology_node *path[][LM_TOPOLOGY_LAYERS + 1],
			    unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		for (unsigned a = 0; a < topology->layers; a++) {
			assert_int_equal(path[i][a]->layer, a + 1);
			assert_true(may_meet(topology, path[i][a], path[i][topology->layers]));
			for (unsigned j = 0; j <= i; j++)
				for (unsigned b = 0; b < (i == j ? a : topology->layers); b++)
					assert_string_not_equal(path[i][a]->operator,
								path[j][b]->operator);
		}
	}
}

static void disjoint_paths_share_no_operator_and_are_told_when_missing(void **state)
{
	const struct shape shape = {3, 4, 100, 1, false, false, 0};
	const struct lm_topology_node *path[5][LM_TOPOLOGY_LAYERS + 1];
	const struct lm_topology_node *last;
	struct lm_topology *topology;
	struct lm_prng prng;
	unsigned hops;

	(void)state;
	lm_prng_init(&prng, (const uint8_t[32]){51});
	for (unsigned i = 0; i < 50; i++) {
		if (parse(&topology, make_random(&shape, &prng), NULL) != 0)
			continue;
		last = &topology->node[topology->layer_node[0][0]];
		for (unsigned n = 1; n <= 3; n++) {
			if (!lm_topology_draw_disjoint(topology, &prng, last, path, n, &hops)) {
				assert_true(n == 3); /* two operators of the same name, mostly */
				continue;
			}
			assert_int_equal(hops, 4);
			for (unsigned k = 0; k < n; k++)
				assert_ptr_equal(path[k][3], last);
			assert_disjoint(topology, path, n);
		}
		assert_false(lm_topology_draw_disjoint(topology, &prng, last, path, 5, &hops));
		lm_topology_free(topology);
	}
	/* four nodes in each layer, but of three operators in all: one path and no more */
	topology = parse_good(make_random(&(struct shape){1, 4, 100, 1, false, false, 0}, &prng));
	for (unsigned i = 0; i < topology->nodes; i++)
		if (topology->node[i].layer == 1)
			topology->node[i].operator_number = 1000;
	last = &topology->node[topology->layer_node[0][0]];
	assert_true(lm_topology_draw_disjoint(topology, &prng, last, path, 1, &hops));
	assert_false(lm_topology_draw_disjoint(topology, &prng, last, path, 2, &hops));
	lm_topology_free(topology);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(uniform_paths_have_equal_shares_of_what_operators_allow),
		cmocka_unit_test(paths_by_capacity_have_shares_in_proportion),
		cmocka_unit_test(jurisdictions_are_kept_apart_where_the_document_asks),
		cmocka_unit_test(a_gateway_without_a_path_is_found_exactly),
		cmocka_unit_test(the_last_of_many_nodes_is_found),
		cmocka_unit_test(a_path_that_is_hardly_ever_drawn_is_found),
		cmocka_unit_test(where_there_is_no_loop_none_is_drawn),
		cmocka_unit_test(capacities_of_any_size_have_their_share),
		cmocka_unit_test(disjoint_paths_share_no_operator_and_are_told_when_missing),
	};

	return RUN_TESTS(tests);
}
