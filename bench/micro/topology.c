/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Benchmarks of lib/topology's draws, in a network of 1,000 nodes, three layers and gateways, 100
 * operators with ten nodes each. One item is a path.
 */
#include <stdio.h>

#include "lm_topology.h"

#include "micro.h"

#define NODES     1000
#define OPERATORS 100

struct topology_context {
	struct lm_topology *topology;
	struct lm_prng prng;
	uint32_t sink;
};

static void add_key(FILE *to, const char *name, unsigned node, unsigned kind)
{
	fprintf(to, "\"%s\":\"%08x%054x%02x\"", name, node + 1, 0, kind);
}

static void add_node(FILE *to, unsigned i)
{
	unsigned layer = i % 4;

	fprintf(to, "%s{\"id\":%u,\"role\":\"%s\",", i ? "," : "", i + 1,
		layer ? "mix" : "gateway");
	if (layer)
		fprintf(to, "\"layer\":%u,", layer);
	fprintf(to,
		"\"operator\":\"%u\",\"jurisdiction\":\"CH\",\"capacity\":%u,"
		"\"addresses\":[{\"ip\":\"10.0.%u.%u\",\"port\":7000}],",
		i / 4 % OPERATORS, 1000 + i, i >> 8, i & 0xff);
	add_key(to, "identity", i, 1);
	fputc(',', to);
	add_key(to, "link", i, 2);
	fprintf(to, ",\"keys\":{");
	for (unsigned epoch = 0; epoch < LM_TOPOLOGY_KEYS; epoch++) {
		char label[4];

		snprintf(label, sizeof(label), "%u", epoch % 10);
		add_key(to, label, i, 3 + epoch);
		fputc(epoch + 1 < LM_TOPOLOGY_KEYS ? ',' : '}', to);
	}
	fputc('}', to);
}

static struct topology_context *make(const char *choice)
{
	struct topology_context *c = calloc(1, sizeof(*c));
	struct lm_error err;
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	LM_ASSERT(c && to);
	fprintf(to,
		"{\"format\":\"linemix-topology-v2\",\"epoch\":0,"
		"\"from\":\"2026-11-25T12:00:00Z\",\"until\":\"2026-11-25T12:20:00Z\","
		"\"previous\":\"%064x\",\"profile\":0,"
		"\"mixing\":{\"strategy\":\"poisson\",\"mean_delay_us\":1},"
		"\"cover\":{\"loop_interval_us\":0,\"drop_interval_us\":0,"
		"\"link_interval_us\":0},"
		"\"paths\":{\"choice\":\"%s\",\"jurisdictions\":false},\"layers\":3,"
		"\"nodes\":[",
		0, choice);
	for (unsigned i = 0; i < NODES; i++)
		add_node(to, i);
	fprintf(to, "]}");
	LM_ASSERT(fclose(to) == 0);
	if (lm_topology_parse(&c->topology, text, len, "bench", &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	free(text);
	lm_prng_init(&c->prng, (const uint8_t[32]){1});
	return c;
}

static void *setup_uniform(const char *backend)
{
	(void)backend;
	return make("uniform");
}

static void *setup_capacity(const char *backend)
{
	(void)backend;
	return make("capacity");
}

static void run_paths(void *context, unsigned n)
{
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	struct topology_context *c = context;
	unsigned hops;

	for (unsigned i = 0; i < n; i++) {
		LM_ASSERT(lm_topology_draw_path(c->topology, &c->prng, &c->topology->node[0], path,
						&hops));
		c->sink += path[0]->id;
	}
}

static void run_loops(void *context, unsigned n)
{
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	struct topology_context *c = context;
	unsigned hops;

	for (unsigned i = 0; i < n; i++) {
		LM_ASSERT(lm_topology_draw_loop(c->topology, &c->prng, &c->topology->node[1], path,
						&hops));
		c->sink += path[0]->id;
	}
}

static void teardown(void *context)
{
	struct topology_context *c = context;

	lm_topology_free(c->topology);
	free(c);
}

static const struct benchmark benchmarks[] = {
	{"topology.path_uniform", BASELINE_SHARED, setup_uniform, NULL, run_paths, teardown},
	{"topology.path_capacity", BASELINE_SHARED, setup_capacity, NULL, run_paths, teardown},
	{"topology.loop_capacity", BASELINE_SHARED, setup_capacity, NULL, run_loops, teardown},
};

static const char *backend_name(unsigned i)
{
	return i == 0 ? "portable" : NULL;
}

static bool backend_usable(unsigned i)
{
	return i == 0;
}

const struct suite topology_suite = {
	benchmarks,
	LM_COUNT(benchmarks),
	backend_name,
	backend_usable,
};
