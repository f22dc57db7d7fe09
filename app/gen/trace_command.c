/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-gen trace: sends loops whose ways differ in one mix, and says at which mix packets are
 * lost or late (trace.h). The loops are DROP packets, as any relay's own: no mix knows them for
 * what they are, so none can treat them better than others.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "live.h"
#include "options.h"
#include "trace_report.h"

#define ROUNDS_MAX    10000000
#define WAIT_LIMIT_MS 3600000
#define US_PER_MS     1000
#define NS_PER_US     1000.0

struct options {
	const char *config;
	uint32_t path[LM_TOPOLOGY_LAYERS];
	unsigned hops; /* of the path; 0: not given */
	bool all;
	uint32_t rounds, rate_pps;
	double confidence, late_us;
	struct live_options live;
	bool json;
};

struct tracing {
	const struct options *options;
	struct live live;
	struct lm_prng prng;
	struct trace_plan plan;
	struct trace_seen *seen; /* of each loop */
	struct trace_result result;
};

enum {
	KEY_PATH = 512,
	KEY_ALL,
	KEY_ROUNDS,
	KEY_RATE,
	KEY_CONFIDENCE,
	KEY_LATE,
	KEY_WAIT,
};

static const struct argp_option rows[] = {
	{"config", 'c', "FILE", 0, "The generator's configuration (required)", 0},
	{"path", KEY_PATH, "ID,ID,..", 0,
	 "One mix of each layer, in order, to be traced (default: a path drawn at random)", 0},
	{"all", KEY_ALL, NULL, 0, "Trace all mixes, instead of a path", 0},
	{"rounds", KEY_ROUNDS, "N", 0,
	 "Loops for each prefix of the path, or pairs of loops for each mix (default 200)", 0},
	{"rate", KEY_RATE, "PPS", 0, "Loops a second (default 200)", 0},
	{"confidence", KEY_CONFIDENCE, "PERCENT", 0, "That no mix is named by chance (default 99)",
	 0},
	{"late-ms", KEY_LATE, "MS", 0, "What a mix may take longer than its fellows (default 10)",
	 0},
	{"wait-ms", KEY_WAIT, "MS", 0,
	 "Longest wait for loops after the last was sent (default: what the network's mixing may "
	 "take)",
	 0},
	{"json", 'j', NULL, 0, "Report as JSON", 0},
	{0},
};

static void parse_path(struct options *options, struct argp_state *state, const char *text)
{
	const char *at = text;
	char *end;

	options->hops = 0;
	for (;;) {
		unsigned long id = *at >= '0' && *at <= '9' ? strtoul(at, &end, 10) : 0;

		if (id == 0 || id >= UINT32_MAX || options->hops == LM_TOPOLOGY_LAYERS)
			break;
		options->path[options->hops++] = (uint32_t)id;
		if (*end == '\0')
			return;
		if (*end != ',')
			break;
		at = end + 1;
	}
	argp_error(state, "--path: \"%s\" is no list of ids, one of each layer", text);
}

static double parse_percent(struct argp_state *state, const char *text)
{
	char *end;
	double percent = strtod(text, &end);

	if (end == text || *end != '\0' || !(percent >= 50 && percent <= 99.9999))
		argp_error(state, "--confidence: \"%s\" is no number from 50 to 99.9999", text);
	return percent / 100;
}

static error_t parse_numbers(int key, char *arg, struct argp_state *state, struct options *options)
{
	switch (key) {
	case KEY_ROUNDS:
		options->rounds = (uint32_t)options_number(state, "rounds", arg, 1, ROUNDS_MAX);
		return 0;
	case KEY_RATE:
		options->rate_pps = (uint32_t)options_number(state, "rate", arg, 1, UINT32_MAX);
		return 0;
	case KEY_LATE:
		options->late_us =
			US_PER_MS * (double)options_number(state, "late-ms", arg, 0, WAIT_LIMIT_MS);
		return 0;
	case KEY_WAIT:
		options->live.wait_ms =
			(uint32_t)options_number(state, "wait-ms", arg, 0, WAIT_LIMIT_MS);
		options->live.has_wait = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'c':
		options->config = arg;
		return 0;
	case KEY_PATH:
		parse_path(options, state, arg);
		return 0;
	case KEY_ALL:
		options->all = true;
		return 0;
	case KEY_CONFIDENCE:
		options->confidence = parse_percent(state, arg);
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case ARGP_KEY_END:
		if (!options->config)
			argp_error(state, "--config is required");
		if (options->all && options->hops > 0)
			argp_error(state, "either --path or --all");
		return 0;
	default:
		return parse_numbers(key, arg, state, options);
	}
}

/* ---- The plan ---- */

/* The mixes that were named: one of each layer, in order. */
static int find_path(const struct lm_topology_node *path[], const struct options *options,
		     const struct gen_setup *setup, struct lm_error *err)
{
	const struct lm_topology *topology = setup->topology;

	if (options->hops != topology->layers)
		return lm_error_set(err, EINVAL, "--path: %u mixes, but the network has %u layers",
				    options->hops, topology->layers);
	for (unsigned i = 0; i < options->hops; i++) {
		path[i] = lm_topology_find(topology, options->path[i]);
		if (!path[i] || path[i]->layer != i + 1)
			return lm_error_set(err, EINVAL, "--path: %u is no mix of layer %u in %s",
					    options->path[i], i + 1, setup->config.node.topology);
	}
	return 0;
}

static int make_plan(struct tracing *tracing, struct lm_error *err)
{
	const struct options *options = tracing->options;
	const struct gen_setup *setup = &tracing->live.setup;
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	unsigned hops;
	int rc = 0;

	if (options->all)
		return trace_plan_all(&tracing->plan, setup->topology, setup->self, options->rounds,
				      &tracing->prng, err);
	if (options->hops > 0)
		rc = find_path(path, options, setup, err);
	else
		LM_ASSERT(lm_topology_draw_path(setup->topology, &tracing->prng, setup->self, path,
						&hops));
	if (rc != 0)
		return rc;
	return trace_plan_path(&tracing->plan, setup->topology, setup->self, path, options->rounds,
			       &tracing->prng, err);
}

static const uint32_t *way_of(const void *plan, uint32_t seq)
{
	return trace_plan_way(plan, seq);
}

/* ---- The run ---- */

static void take_seen(struct tracing *tracing, const struct gen_builder *builder)
{
	const struct tally *tally = &tracing->live.tally;

	for (uint32_t seq = 0; seq < tracing->plan.loops; seq++) {
		struct trace_seen *seen = &tracing->seen[seq];

		seen->sent = seq < tally->sent;
		seen->came = tally->came_ns[seq] != 0;
		if (!seen->came)
			continue;
		seen->delay_us = (double)(tally->came_ns[seq] - tally->sent_ns[seq]) / NS_PER_US;
		seen->drawn_us = (double)gen_packet_delay_us(builder, seq);
	}
}

static int send_loops(struct tracing *tracing, struct lm_error *err)
{
	const struct build_options build = {
		.rate_pps = tracing->options->rate_pps,
		.count = tracing->plan.loops,
		.cmds = 1u << GEN_DROP,
	};
	struct live *live = &tracing->live;
	struct gen_builder *builder = build_start(&build, &live->setup, 0, err);
	int rc;

	if (!builder)
		return -EINVAL;
	builder->way = way_of;
	builder->way_context = &tracing->plan;
	rc = live_run(live, builder, 0, &tracing->options->live, err);
	if (rc == 0)
		take_seen(tracing, builder);
	build_free(builder);
	return rc;
}

static int trace(struct tracing *tracing, struct lm_error *err)
{
	const struct options *options = tracing->options;
	uint8_t seed[32];
	int rc = live_open(&tracing->live, options->config, 1, err);

	if (rc != 0)
		return rc;
	lm_rand(seed, sizeof(seed));
	lm_prng_init(&tracing->prng, seed);
	lm_wipe(seed, sizeof(seed));
	rc = make_plan(tracing, err);
	if (rc != 0)
		return rc;
	tracing->seen = calloc(tracing->plan.loops, sizeof(*tracing->seen));
	if (!tracing->seen)
		return lm_error_set(err, ENOMEM, "no memory for %u loops; lower --rounds",
				    tracing->plan.loops);
	rc = live_renew(&tracing->live, tracing->plan.loops, err);
	if (rc == 0)
		rc = send_loops(tracing, err);
	if (rc == 0)
		rc = trace_result_make(&tracing->result, &tracing->plan, tracing->seen,
				       options->confidence, options->late_us, err);
	return rc;
}

static int report(const struct tracing *tracing, struct lm_error *err)
{
	if (!(tracing->options->json ? trace_report_json : trace_report_text)(stdout,
									      &tracing->result))
		return lm_error_set(err, EIO, "the report cannot be written: %s", strerror(errno));
	return 0;
}

int trace_main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = rows,
		.parser = parse,
		.doc = "Finds the mix at which packets are lost or late: loops are sent through "
		       "growing prefixes of a path, with other mixes of the later layers behind "
		       "them, or through all mixes, and each mix is compared with its fellows of "
		       "the same layer. Status 0 if nothing was lost and no mix is named, else 1.",
	};
	static struct tracing tracing;
	struct options options = {
		.rounds = 200,
		.rate_pps = 200,
		.confidence = 0.99,
		.late_us = 10 * US_PER_MS,
		.live = {.stock = LIVE_STOCK, .times = true, .without_dead = true},
	};
	struct lm_error err = {0};
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	tracing.options = &options;
	rc = trace(&tracing, &err);
	if (rc == 0)
		rc = report(&tracing, &err);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
	live_close(&tracing.live);
	trace_plan_free(&tracing.plan);
	trace_result_free(&tracing.result);
	free(tracing.seen);
	return rc == 0 && tracing.result.verdict == TRACE_NO_FAULT ? 0 : 1;
}
