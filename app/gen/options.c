/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See options.h.
 */
#include "options.h"

#include <errno.h>
#include <string.h>

#ifdef LM_TEST_BUILD
static struct lm_prng repeatable;

static void fill_repeatable(void *out, size_t n)
{
	lm_prng_bytes(&repeatable, out, n);
}

void options_seed(struct argp_state *state, const char *text)
{
	uint8_t seed[32];

	if (!lm_hex_decode(seed, text, sizeof(seed)))
		argp_error(state, "--seed: \"%s\" is not 64 hexadecimal digits", text);
	lm_prng_init(&repeatable, seed);
	lm_rand_replace(fill_repeatable);
}
#endif

uint64_t options_number(struct argp_state *state, const char *option, const char *text,
			uint64_t min, uint64_t max)
{
	char *end = NULL;
	unsigned long long value = 0;

	errno = 0;
	if (text[0] >= '0' && text[0] <= '9')
		value = strtoull(text, &end, 10);
	if (!end || *end != '\0' || errno != 0 || value < min || value > max)
		argp_error(state, "--%s: \"%s\" is no number from %llu to %llu", option, text,
			   (unsigned long long)min, (unsigned long long)max);
	return value;
}

enum { KEY_RATE = 256, KEY_ARRIVALS, KEY_CMDS, KEY_TO, KEY_DEST };

static const struct argp_option build_rows[] = {
	{"config", 'c', "FILE", 0, "The generator's configuration (required)", 0},
	{"count", 'n', "N", 0, "Number of packets", 0},
	{"rate", KEY_RATE, "PPS", 0, "Packets a second (default 1000)", 0},
	{"arrivals", KEY_ARRIVALS, "KIND", 0,
	 "constant: at even times (default); poisson: at those of a Poisson process; bursty: in "
	 "bursts "
	 "as `arrivals` in the configuration says",
	 0},
	{"cmds", KEY_CMDS, "LIST", 0,
	 "Kinds of packets, in turns: exit, mbox, drop, surb (default all four)", 0},
	{"to", KEY_TO, "ID", 0, "Send to this gateway; the generator does not see them again", 0},
	{"dest", KEY_DEST, "HEX", 0, "The dest of every EXIT and MBOX: 64 digits", 0},
	{0},
};

static error_t parse_build(int key, char *arg, struct argp_state *state)
{
	struct build_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		options->rate_pps = 1000;
		options->cmds = (1u << GEN_CMDS) - 1;
		return 0;
	case 'c':
		options->config = arg;
		return 0;
	case 'n':
		options->count = (uint32_t)options_number(state, "count", arg, 1, UINT32_MAX);
		return 0;
	case KEY_RATE:
		options->rate_pps = (uint32_t)options_number(state, "rate", arg, 1, UINT32_MAX);
		options->has_rate = true;
		return 0;
	case KEY_ARRIVALS:
		if (!gen_arrivals_parse(&options->arrivals, arg))
			argp_error(state, "--arrivals: \"%s\" is not constant, poisson or bursty",
				   arg);
		return 0;
	case KEY_CMDS:
		if (!gen_cmds_parse(&options->cmds, arg))
			argp_error(state, "--cmds: \"%s\" is no list of exit, mbox, drop and surb",
				   arg);
		return 0;
	case KEY_TO:
		options->to = (uint32_t)options_number(state, "to", arg, 1, UINT32_MAX - 1);
		return 0;
	case KEY_DEST:
		options->has_dest = lm_hex_decode(options->dest.b, arg, sizeof(options->dest.b));
		if (!options->has_dest)
			argp_error(state, "--dest: \"%s\" is not 64 hexadecimal digits", arg);
		return 0;
	case ARGP_KEY_END:
		if (!options->config)
			argp_error(state, "--config is required");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp build_argp = {.options = build_rows, .parser = parse_build};

/* The gateway where packets end. */
static const struct lm_topology_node *find_last(const struct build_options *options,
						const struct gen_setup *setup, struct lm_error *err)
{
	const struct lm_topology_node *last = setup->self;

	if (options->to != 0)
		last = lm_topology_find(setup->topology, options->to);
	if (last && last->role == LM_TOPOLOGY_GATEWAY)
		return last;
	(void)lm_error_set(err, EINVAL, "--to: there is no gateway %u in %s", options->to,
			   setup->config.node.topology);
	return NULL;
}

void build_arrivals(struct gen_run *run, const struct build_options *options,
		    const struct gen_setup *setup)
{
	run->arrivals = options->arrivals;
	if (options->arrivals != GEN_BURSTY)
		return;
	run->burst = (uint16_t)setup->config.arrivals.burst_packets;
	run->peak = (uint16_t)setup->config.arrivals.burst_peak;
}

struct gen_builder *build_start(const struct build_options *options, const struct gen_setup *setup,
				uint64_t start_ns, struct lm_error *err)
{
	const struct lm_topology_node *last = find_last(options, setup, err);
	struct gen_builder *builder;

	if (!last)
		return NULL;
	builder = lm_secret_alloc(sizeof(*builder));
	if (!builder) {
		(void)lm_error_set(err, ENOMEM,
				   "the kernel locks no memory for building packets; "
				   "raise the limit of locked memory (ulimit -l)");
		return NULL;
	}
	builder->setup = setup;
	builder->last = last;
	builder->has_dest = options->has_dest;
	builder->dest = options->dest;
	builder->run = (struct gen_run){
		.count = options->count,
		.rate_pps = options->rate_pps,
		.cmds = options->cmds,
		.start_ns = start_ns,
	};
	build_arrivals(&builder->run, options, setup);
	lm_rand(builder->run.nonce.b, sizeof(builder->run.nonce.b));
	if (gen_builder_init(builder, setup->config.node.symmetric, err) == 0)
		return builder;
	lm_secret_free(builder);
	return NULL;
}

void build_free(struct gen_builder *builder)
{
	if (builder)
		gen_builder_free(builder);
	lm_secret_free(builder);
}
