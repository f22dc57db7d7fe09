/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-gen run: sends packets through a network at a rate, and measures what comes back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capture.h"
#include "commands.h"
#include "live.h"
#include "mixing.h"
#include "options.h"

#define WAIT_LIMIT_MS 3600000

struct options {
	struct build_options build;
	const char *from; /* a capture of prepared packets; NULL: they are built */
	uint32_t seconds; /* 0: not given */
	struct live_options live;
	bool json;
};

enum { KEY_SECONDS = 512, KEY_FROM, KEY_WAIT, KEY_STOCK, KEY_WITHOUT_DEAD };

static const struct argp_option rows[] = {
	{"seconds", KEY_SECONDS, "S", 0, "Send for so long, instead of --count", 0},
	{"from", KEY_FROM, "CAPTURE", 0,
	 "Send the packets that `make` has prepared for this epoch, at their own times, or at "
	 "--rate",
	 0},
	{"wait-ms", KEY_WAIT, "MS", 0,
	 "Longest wait for packets after the last was sent (default: what the network's mixing may "
	 "take)",
	 0},
	{"stock", KEY_STOCK, "N", 0, "Packets built ahead (default 65536)", 0},
	{"without-dead", KEY_WITHOUT_DEAD, NULL, 0,
	 "Go on without neighbours that are down: packets for them are lost (default: send only "
	 "when all are up)",
	 0},
	{"json", 'j', NULL, 0, "Report as JSON", 0},
	{0},
};

static void check_from(const struct options *options, struct argp_state *state)
{
	const struct build_options *build = &options->build;

	if (build->count != 0 || options->seconds != 0 || build->to != 0 || build->has_dest)
		argp_error(state, "--from: the packets are there; no --count, --seconds, --to or "
				  "--dest");
	if (options->live.without_dead)
		argp_error(state, "--from: not with --without-dead");
	if (build->arrivals != GEN_CONSTANT && !build->has_rate)
		argp_error(state, "--arrivals: with --from only with --rate");
}

static void parse_end(struct options *options, struct argp_state *state)
{
	uint64_t count = (uint64_t)options->seconds * options->build.rate_pps;

	if (options->from) {
		check_from(options, state);
		return;
	}
	if ((options->build.count != 0) == (options->seconds != 0))
		argp_error(state, "either --count or --seconds is required");
	if (count > UINT32_MAX)
		argp_error(state, "--seconds: more than %u packets", UINT32_MAX);
	if (options->build.count == 0)
		options->build.count = (uint32_t)count;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->build;
		options->live.stock = LIVE_STOCK;
		return 0;
	case KEY_SECONDS:
		options->seconds = (uint32_t)options_number(state, "seconds", arg, 1, UINT32_MAX);
		return 0;
	case KEY_FROM:
		options->from = arg;
		return 0;
	case KEY_WAIT:
		options->live.wait_ms =
			(uint32_t)options_number(state, "wait-ms", arg, 0, WAIT_LIMIT_MS);
		options->live.has_wait = true;
		return 0;
	case KEY_STOCK:
		options->live.stock =
			(uint32_t)options_number(state, "stock", arg, LM_BURST, 1u << 26);
		return 0;
	case KEY_WITHOUT_DEAD:
		options->live.without_dead = true;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case ARGP_KEY_END:
		parse_end(options, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int report(const struct options *options, const struct live *live, struct lm_error *err)
{
	struct report report = {.tally = &live->tally, .sending = &live->sending};
	int rc = mixing_order(&report.order, &live->setup, &live->tally, err);

	if (rc != 0)
		return rc;
	if (!(options->json ? report_json : report_text)(stdout, &report))
		return lm_error_set(err, EIO, "the report cannot be written: %s", strerror(errno));
	return 0;
}

static int run_built(const struct options *options, struct live *live, struct lm_error *err)
{
	struct gen_builder *builder = build_start(&options->build, &live->setup, 0, err);
	uint32_t elsewhere;
	int rc;

	if (!builder)
		return -EINVAL;
	elsewhere = builder->last == live->setup.self ? 0 : (1u << GEN_CMDS) - 1 - (1u << GEN_SURB);
	rc = live_run(live, builder, elsewhere, &options->live, err);
	build_free(builder);
	return rc;
}

static int run_prepared(const struct options *options, struct live *live, struct lm_error *err)
{
	const struct build_options *build = &options->build;
	struct gen_run run = {.rate_pps = build->has_rate ? build->rate_pps : 0};

	build_arrivals(&run, build, &live->setup);
	return live_run_prepared(live, options->from, &run, &options->live, err);
}

/* *complete: all came back once and undamaged. */
static int run(bool *complete, const struct options *options, struct live *live,
	       struct lm_error *err)
{
	uint64_t packets = options->build.count;
	int rc = 0;

	if (options->from) { /* no more than there is room for in the capture */
		rc = capture_bytes(&packets, options->from, err);
		packets = packets / lm_packet_len(0) + 1;
	}
	if (rc == 0)
		rc = live_open(live, options->build.config, packets, err);
	if (rc == 0)
		rc = options->from ? run_prepared(options, live, err)
				   : run_built(options, live, err);
	if (rc == 0)
		rc = report(options, live, err);
	*complete = tally_complete(&live->tally);
	return rc;
}

int run_main(int argc, char **argv)
{
	static const struct argp_child children[] = {{&build_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {
		.options = rows,
		.parser = parse,
		.doc = "Sends packets at a rate and measures what comes back. Status 0 if "
		       "all "
		       "came back once and undamaged, else 1.",
		.children = children,
	};
	static struct live live;
	struct options options = {0};
	struct lm_error err = {0};
	bool complete = false;
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	rc = run(&complete, &options, &live, &err);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
	live_close(&live);
	return rc == 0 && complete ? 0 : 1;
}
