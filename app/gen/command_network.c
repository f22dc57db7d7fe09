/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-gen network: the command line of network.h.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "network.h"
#include "options.h"

#define INDEX_MAX 9999

struct options {
	struct network network;
	const char *out;
};

enum {
	KEY_LAYERS = 256,
	KEY_PER_LAYER,
	KEY_GATEWAYS,
	KEY_PROFILE,
	KEY_EPOCH,
	KEY_AHEAD,
	KEY_STRATEGY,
	KEY_INTERVAL,
	KEY_MIN_BATCH,
	KEY_MIN_NEIGHBOURS,
	KEY_MAX_WAIT,
	KEY_THRESHOLD,
	KEY_FLUSH,
	KEY_STAY,
	KEY_MEAN_DELAY,
	KEY_LOOP_INTERVAL,
	KEY_DROP_INTERVAL,
	KEY_LINK_INTERVAL,
	KEY_FROM,
	KEY_EPOCH_SECONDS,
	KEY_AUTHORITIES,
	KEY_NEEDED,
	KEY_OPERATORS,
	KEY_CAPACITY,
	KEY_CHOICE,
	KEY_ACROSS,
	KEY_SUBNET,
	KEY_PORT,
	KEY_STATIC,
	KEY_SEED,
	KEY_OUT = 'o',
};

static const struct argp_option rows[] = {
	{"out", KEY_OUT, "FOLDER", 0, "Where topology.json and the keys go (required)", 0},
	{"layers", KEY_LAYERS, "L", 0, "Layers of mixes (default 3)", 0},
	{"per-layer", KEY_PER_LAYER, "M", 0, "Mixes in each layer (default 1)", 0},
	{"gateways", KEY_GATEWAYS, "G", 0, "Gateways beside node 1 (default 0)", 0},
	{"profile", KEY_PROFILE, "P", 0, "Packet profile: 0 small (default), 1 jumbo", 0},
	{"epoch", KEY_EPOCH, "E", 0, "Number of the key epoch (default 1)", 0},
	{"epochs-ahead", KEY_AHEAD, "N", 0,
	 "Keys, and topology-E.json, for N epochs more (default 0)", 0},
	{"strategy", KEY_STRATEGY, "NAME", 0, "batch (default), pool or poisson", 0},
	{"interval-us", KEY_INTERVAL, "US", 0,
	 "batch: interval; pool: time between draws (default 100000)", 0},
	{"min-batch", KEY_MIN_BATCH, "N", 0, "batch: smallest that leaves (default 1)", 0},
	{"min-neighbours", KEY_MIN_NEIGHBOURS, "N", 0,
	 "batch: from so many links at least (default 1)", 0},
	{"max-wait-us", KEY_MAX_WAIT, "US", 0, "batch: longest wait for it (default 1000000)", 0},
	{"threshold", KEY_THRESHOLD, "N", 0, "pool: more are flushed at once (default 100)", 0},
	{"flush-ppm", KEY_FLUSH, "PPM", 0,
	 "pool: probability that a draw flushes, in millionths (default 100000)", 0},
	{"stay-ppm", KEY_STAY, "PPM", 0,
	 "pool: probability that a packet stays behind, in millionths (default 300000)", 0},
	{"mean-delay-us", KEY_MEAN_DELAY, "US", 0, "poisson: mean delay of a hop (default 200000)",
	 0},
	{"loop-interval-us", KEY_LOOP_INTERVAL, "US", 0,
	 "Mean time between two loops of a relay's own; 0: none (default)", 0},
	{"drop-interval-us", KEY_DROP_INTERVAL, "US", 0,
	 "The same for packets that a gateway drops (default 0)", 0},
	{"link-interval-us", KEY_LINK_INTERVAL, "US", 0,
	 "Each link carries one frame in each; 0: no padding (default)", 0},
	{"from", KEY_FROM, "TIME", 0, "UTC at which the epoch begins (default: now)", 0},
	{"epoch-seconds", KEY_EPOCH_SECONDS, "S", 0, "Length of an epoch (default 1200)", 0},
	{"authorities", KEY_AUTHORITIES, "N", 0, "Who sign topologies (default 1)", 0},
	{"threshold", KEY_NEEDED, "K", 0, "How many must (default: more than half)", 0},
	{"operators", KEY_OPERATORS, "N", 0,
	 "Operators, which take turns with the nodes (default: one a node)", 0},
	{"capacity", KEY_CAPACITY, "PPS", 0, "Capacity of every node (default 10000)", 0},
	{"choice", KEY_CHOICE, "NAME", 0, "Paths are drawn uniform (default) or by capacity", 0},
	{"across-jurisdictions", KEY_ACROSS, NULL, 0, "No two of one jurisdiction on a path", 0},
	{"subnet", KEY_SUBNET, "PREFIX", 0,
	 "Addresses are this plus the id; IPv4 or IPv6, once each (default 10.77.0.0/24)", 0},
	{"port", KEY_PORT, "PORT", 0, "UDP port of every node (default 7000)", 0},
	{"static-macs", KEY_STATIC, NULL, 0, "MACs made from ids; default: to be resolved", 0},
#ifdef LM_TEST_BUILD
	{"seed", KEY_SEED, "HEX", 0, "64 digits instead of randomness: the same keys every time",
	 0},
#endif
	{0},
};

static void set_defaults(struct network *network)
{
	*network = (struct network){
		.layers = 3,
		.per_layer = 1,
		.epoch = 1,
		.from_s = (uint64_t)time(NULL),
		.epoch_seconds = 1200,
		.authorities = 1,
		.capacity = 10000,
		.port = 7000,
		.mix = {.strategy = LM_MIX_BATCH,
			.interval_us = 100000,
			.min_batch = 1,
			.min_neighbours = 1,
			.max_wait_us = 1000000,
			.threshold = 100,
			.flush_ppm = 100000,
			.stay_ppm = 300000,
			.mean_delay_us = 200000},
	};
}

/* Ranges are wide here: what a topology may hold is lib/topology's to say. */
static error_t parse_pool(int key, char *arg, struct argp_state *state, struct lm_mix_params *mix)
{
	switch (key) {
	case KEY_THRESHOLD:
		mix->threshold = (uint32_t)options_number(state, "threshold", arg, 0, UINT32_MAX);
		return 0;
	case KEY_FLUSH:
		mix->flush_ppm = (uint32_t)options_number(state, "flush-ppm", arg, 0, UINT32_MAX);
		return 0;
	case KEY_STAY:
		mix->stay_ppm = (uint32_t)options_number(state, "stay-ppm", arg, 0, UINT32_MAX);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_mixing(int key, char *arg, struct argp_state *state, struct lm_mix_params *mix)
{
	switch (key) {
	case KEY_STRATEGY:
		if (!lm_mix_strategy_parse(&mix->strategy, arg))
			argp_error(state, "--strategy: \"%s\" is not batch, pool or poisson", arg);
		return 0;
	case KEY_INTERVAL:
		mix->interval_us = options_number(state, "interval-us", arg, 1, 3600000000);
		return 0;
	case KEY_MIN_BATCH:
		mix->min_batch =
			(uint32_t)options_number(state, "min-batch", arg, 1, UINT32_C(1) << 31);
		return 0;
	case KEY_MIN_NEIGHBOURS:
		mix->min_neighbours =
			(uint32_t)options_number(state, "min-neighbours", arg, 1, UINT32_MAX);
		return 0;
	case KEY_MAX_WAIT:
		mix->max_wait_us = options_number(state, "max-wait-us", arg, 1, 86400000000);
		return 0;
	case KEY_MEAN_DELAY:
		mix->mean_delay_us =
			(uint32_t)options_number(state, "mean-delay-us", arg, 0, UINT32_MAX);
		return 0;
	default:
		return parse_pool(key, arg, state, mix);
	}
}

static error_t parse_cover(int key, char *arg, struct argp_state *state,
			   struct lm_topology_cover *cover)
{
	switch (key) {
	case KEY_LOOP_INTERVAL:
		cover->loop_interval_us =
			(uint32_t)options_number(state, "loop-interval-us", arg, 0, UINT32_MAX);
		return 0;
	case KEY_DROP_INTERVAL:
		cover->drop_interval_us =
			(uint32_t)options_number(state, "drop-interval-us", arg, 0, UINT32_MAX);
		return 0;
	case KEY_LINK_INTERVAL:
		cover->link_interval_us =
			(uint32_t)options_number(state, "link-interval-us", arg, 0, UINT32_MAX);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_paths(int key, char *arg, struct argp_state *state, struct network *network)
{
	switch (key) {
	case KEY_OPERATORS:
		network->operators =
			(unsigned)options_number(state, "operators", arg, 1, LM_TOPOLOGY_NODES);
		return 0;
	case KEY_CAPACITY:
		network->capacity = (uint32_t)options_number(state, "capacity", arg, 1, UINT32_MAX);
		return 0;
	case KEY_CHOICE:
		network->paths.by_capacity = strcmp(arg, "capacity") == 0;
		if (!network->paths.by_capacity && strcmp(arg, "uniform") != 0)
			argp_error(state, "--choice: \"%s\" is not uniform or capacity", arg);
		return 0;
	case KEY_ACROSS:
		network->paths.jurisdictions = true;
		return 0;
	default:
		return parse_cover(key, arg, state, &network->cover);
	}
}

/* The epochs, and who signs. */
static error_t parse_epochs(int key, char *arg, struct argp_state *state, struct network *network)
{
	switch (key) {
	case KEY_EPOCH:
		network->epoch = (uint32_t)options_number(state, "epoch", arg, 0, UINT32_MAX);
		return 0;
	case KEY_AHEAD:
		network->epochs_ahead =
			(unsigned)options_number(state, "epochs-ahead", arg, 0, NETWORK_AHEAD_MAX);
		return 0;
	case KEY_FROM:
		if (!lm_topology_parse_time(&network->from_s, arg))
			argp_error(state, "--from: \"%s\" is not as 2026-11-25T12:00:00Z", arg);
		return 0;
	case KEY_EPOCH_SECONDS:
		network->epoch_seconds = (uint32_t)options_number(state, "epoch-seconds", arg, 1,
								  LM_TOPOLOGY_SPAN_S);
		return 0;
	case KEY_AUTHORITIES:
		network->authorities = (unsigned)options_number(state, "authorities", arg, 1,
								LM_SIGNED_SIGNATURES);
		return 0;
	case KEY_NEEDED:
		network->threshold =
			(unsigned)options_number(state, "threshold", arg, 1, LM_SIGNED_SIGNATURES);
		return 0;
	default:
		return parse_paths(key, arg, state, network);
	}
}

static error_t parse_shape(int key, char *arg, struct argp_state *state, struct network *network)
{
	switch (key) {
	case KEY_LAYERS:
		network->layers =
			(unsigned)options_number(state, "layers", arg, 1, LM_TOPOLOGY_LAYERS);
		return 0;
	case KEY_PER_LAYER:
		network->per_layer =
			(unsigned)options_number(state, "per-layer", arg, 1, INDEX_MAX);
		return 0;
	case KEY_GATEWAYS:
		network->gateways = (unsigned)options_number(state, "gateways", arg, 0, INDEX_MAX);
		return 0;
	case KEY_PROFILE:
		network->profile =
			(unsigned)options_number(state, "profile", arg, 0, LM_PACKET_PROFILES - 1);
		return 0;
	case KEY_PORT:
		network->port = (uint16_t)options_number(state, "port", arg, 1, UINT16_MAX);
		return 0;
	default:
		return parse_epochs(key, arg, state, network) == 0
			       ? 0
			       : parse_mixing(key, arg, state, &network->mix);
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	struct network *network = &options->network;

	switch (key) {
	case ARGP_KEY_INIT:
		set_defaults(network);
		return 0;
	case KEY_OUT:
		options->out = arg;
		return 0;
#ifdef LM_TEST_BUILD
	case KEY_SEED:
		options_seed(state, arg);
		return 0;
#endif
	case KEY_STATIC:
		network->static_macs = true;
		return 0;
	case KEY_SUBNET:
		if (!network_parse_prefix(network, arg))
			argp_error(state,
				   "--subnet: \"%s\" is no prefix like 10.77.0.0/24 or "
				   "fd00:77::/64",
				   arg);
		return 0;
	case ARGP_KEY_END:
		if (!options->out)
			argp_error(state, "--out is required");
		if (network->threshold == 0)
			network->threshold = network->authorities / 2 + 1;
		if (!network->ipv4.given && !network->ipv6.given)
			return network_parse_prefix(network, "10.77.0.0/24") ? 0 : EINVAL;
		return 0;
	default:
		return parse_shape(key, arg, state, network);
	}
}

int network_main(int argc, char **argv)
{
	const struct argp argp = {
		.options = rows,
		.parser = parse,
		.doc = "Makes up a network for tests: its topology, signed, and the keys of every "
		       "node. "
		       "Node 1 "
		       "is the generator's; gateways follow as 2, 3, ..; mixes are 11, 12, .. in "
		       "layer 1, 21, .. in layer 2.",
	};
	struct options options = {0};
	struct lm_error err;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (network_write(&options.network, options.out, &err) != 0) {
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
		return 1;
	}
	printf("%s: %u layers of %u mixes, %u gateways\n", options.out, options.network.layers,
	       options.network.per_layer, options.network.gateways + 1);
	return 0;
}
